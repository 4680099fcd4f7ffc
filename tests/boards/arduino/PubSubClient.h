// PubSubClient 2.8: QoS 0 out, QoS 0 and 1 in; a message larger than its buffer is dropped, as in the library.
#pragma once
#include <functional>

#include "WiFi.h"

class PubSubClient {
 public:
  PubSubClient(Client &wire) : wire_(wire) {}
  PubSubClient &setServer(const char *host, uint16_t port) {
    host_ = host, port_ = port;
    return *this;
  }
  PubSubClient &setCallback(std::function<void(char *, uint8_t *, unsigned int)> callback) {
    callback_ = callback;
    return *this;
  }
  PubSubClient &setKeepAlive(uint16_t seconds) {
    keepalive_ = seconds;
    return *this;
  }
  bool setBufferSize(uint16_t size) {
    size_ = size;
    return true;
  }
  bool connect(const char *id, const char *user, const char *password, const char *willTopic, uint8_t willQos,
               bool, const char *will) {
    wire_.fd = board_wire::connectTo(host_, port_);
    state_ = -2;
    if (wire_.fd < 0) return false;
    board_wire::Message answer;
    if (!send(board_wire::connectPacket(id, user, password, willTopic, will, willQos, keepalive_)) ||
        !board_wire::readPacket(wire_.fd, answer))
      return lose();
    state_ = answer.body[1];
    return state_ == 0 || lose(state_);
  }
  bool connected() { return wire_.fd >= 0; }
  int state() { return state_; }
  bool subscribe(const char *topic, uint8_t qos) {
    return send(board_wire::packet(0x82, std::string("\0\2", 2) + board_wire::text16(topic) + char(qos)));
  }
  bool publish(const char *topic, const char *text) { return publish(topic, (const uint8_t *)text, strlen(text)); }
  bool publish(const char *topic, const uint8_t *data, unsigned int length) {
    if (5 + 2 + strlen(topic) + length > size_) return false;
    return send(board_wire::packet(0x30, board_wire::text16(topic) + std::string((const char *)data, length)));
  }
  bool loop() {
    if (!connected() || !board_wire::hasInput(wire_.fd, 0)) return connected();
    board_wire::Message message;
    if (!board_wire::readPacket(wire_.fd, message)) return lose();
    if (message.kind != 3 || message.body.size() + 5 > size_) return true;
    board_wire::Publish got = board_wire::readPublish(message);
    if (callback_) callback_(&got.topic[0], (uint8_t *)&got.payload[0], got.payload.size());
    if (got.qos) send(board_wire::packet(0x40, got.id));
    return true;
  }

 private:
  bool send(const std::string &data) { return board_wire::sendAll(wire_.fd, data.data(), data.size()) || lose(); }
  bool lose(int state = -3) {
    close(wire_.fd);
    wire_.fd = -1;
    state_ = state;
    return false;
  }
  Client &wire_;
  std::string host_;
  uint16_t port_ = 0, keepalive_ = 15;
  size_t size_ = 256;
  int state_ = -1;
  std::function<void(char *, uint8_t *, unsigned int)> callback_;
};
