// What every stand-in of a board's network library does underneath: real sockets of this computer.
#pragma once
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

namespace board_wire {

inline int connectTo(const std::string &host, int port) {
  addrinfo hints = {}, *found = nullptr;
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found)) return -1;
  int fd = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
  if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen)) {
    close(fd);
    fd = -1;
  }
  freeaddrinfo(found);
  return fd;
}

inline bool sendAll(int fd, const void *data, size_t length) {
  const char *at = static_cast<const char *>(data);
  while (length) {
    ssize_t sent = send(fd, at, length, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    at += sent;
    length -= sent;
  }
  return true;
}

inline bool hasInput(int fd, int withinMs) {
  pollfd one = {fd, POLLIN, 0};
  return poll(&one, 1, withinMs) > 0;
}

inline bool readAll(int fd, void *data, size_t length) {
  char *at = static_cast<char *>(data);
  while (length) {
    ssize_t got = recv(fd, at, length, 0);
    if (got <= 0) return false;
    at += got;
    length -= got;
  }
  return true;
}

// One HTTP request over one connection; `headers` end in line feeds. Returns the status, or -1 without an answer.
struct Answer {
  int status = -1;
  std::map<std::string, std::string> headers;
  std::string body;
};

struct Address {
  std::string host, path;
  int port = 80;
};

inline Address readUrl(const std::string &url) {
  Address found;
  size_t host = url.find("://") + 3, slash = url.find('/', host);
  std::string place = url.substr(host, slash == std::string::npos ? slash : slash - host);
  size_t colon = place.find(':');
  found.host = place.substr(0, colon);
  if (colon != std::string::npos) found.port = atoi(place.c_str() + colon + 1);
  found.path = slash == std::string::npos ? "/" : url.substr(slash);
  return found;
}

inline Answer readAnswer(int fd) {
  Answer answer;
  std::string all;
  char piece[4096];
  ssize_t got;
  while ((got = recv(fd, piece, sizeof piece, 0)) > 0) all.append(piece, got);
  size_t end = all.find("\r\n\r\n");
  if (end == std::string::npos) return answer;
  answer.status = atoi(all.c_str() + 9);
  for (size_t at = all.find("\r\n") + 2; at < end;) {
    size_t stop = all.find("\r\n", at), colon = all.find(':', at);
    answer.headers[all.substr(at, colon - at)] = all.substr(colon + 2, stop - colon - 2);
    at = stop + 2;
  }
  answer.body = all.substr(end + 4);
  return answer;
}

inline Answer ask(const std::string &method, const std::string &url, const std::string &headers,
                  const std::string &body) {
  Address to = readUrl(url);
  int fd = connectTo(to.host, to.port);
  if (fd < 0) return Answer();
  std::string head = method + " " + to.path + " HTTP/1.1\r\nHost: " + to.host + ":" + std::to_string(to.port) +
                     "\r\nConnection: close\r\n" + headers;
  if (method == "POST") head += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  head += "\r\n";
  Answer answer;
  if (sendAll(fd, head.data(), head.size()) && sendAll(fd, body.data(), body.size())) answer = readAnswer(fd);
  close(fd);
  return answer;
}

// MQTT 3.1.1, as much as these programs use.
inline std::string text16(const std::string &text) {
  return std::string{char(text.size() >> 8), char(text.size())} + text;
}

inline std::string packet(int first, const std::string &body) {
  std::string head(1, char(first));
  size_t left = body.size();
  do {
    head += char((left % 128) | (left >= 128 ? 128 : 0));
    left /= 128;
  } while (left);
  return head + body;
}

struct Message {
  int kind = 0;
  int flags = 0;
  std::string body;
};

inline bool readPacket(int fd, Message &message) {
  uint8_t first, digit;
  if (!readAll(fd, &first, 1)) return false;
  size_t length = 0;
  int shift = 0;
  do {
    if (!readAll(fd, &digit, 1)) return false;
    length |= size_t(digit & 127) << shift;
    shift += 7;
  } while (digit & 128);
  message.kind = first >> 4;
  message.flags = first & 15;
  message.body.resize(length);
  return readAll(fd, &message.body[0], length);
}

struct Publish {
  std::string topic, payload;
  int qos = 0;
  std::string id;
};

inline Publish readPublish(const Message &message) {
  Publish found;
  size_t length = (uint8_t(message.body[0]) << 8) | uint8_t(message.body[1]);
  found.topic = message.body.substr(2, length);
  found.qos = (message.flags >> 1) & 3;
  size_t at = 2 + length;
  if (found.qos) {
    found.id = message.body.substr(at, 2);
    at += 2;
  }
  found.payload = message.body.substr(at);
  return found;
}

inline std::string connectPacket(const std::string &id, const std::string &user, const std::string &password,
                                 const std::string &willTopic, const std::string &will, int willQos, int keepalive) {
  std::string body = text16("MQTT") + char(4);
  int flags = 2 | (willTopic.size() ? 4 | willQos << 3 : 0) | (user.size() ? 0xC0 : 0);
  body += char(flags);
  body += char(keepalive >> 8);
  body += char(keepalive);
  body += text16(id);
  if (willTopic.size()) body += text16(willTopic) + text16(will);
  if (user.size()) body += text16(user) + text16(password);
  return packet(0x10, body);
}

}  // namespace board_wire
