#pragma once
#include <vector>

#include "WiFi.h"

class HTTPClient {
 public:
  bool begin(String url) {
    url_ = url.c_str();
    return true;
  }
  bool begin(WiFiClient &, String url) { return begin(url); }
  void setTimeout(uint16_t) {}
  void collectHeaders(const char *names[], size_t count) { kept_.assign(names, names + count); }
  void addHeader(const String &name, const String &value) {
    headers_ += std::string(name.c_str()) + ": " + value.c_str() + "\r\n";
  }
  int POST(uint8_t *data, size_t length) { return ask("POST", std::string((const char *)data, length)); }
  int GET() { return ask("GET", ""); }
  String getString() { return answer_.body; }
  int getSize() { return answer_.headers.count("Content-Length") ? atoi(answer_.headers["Content-Length"].c_str()) : -1; }
  bool hasHeader(const char *name) { return header(name).length(); }
  String header(const char *name) {
    for (const std::string &kept : kept_)
      if (kept == name && answer_.headers.count(kept)) return answer_.headers[kept];
    return String();
  }
  void end() {}

 private:
  int ask(const char *method, const std::string &body) {
    answer_ = board_wire::ask(method, url_, headers_, body);
    return answer_.status;
  }
  std::string url_, headers_;
  std::vector<std::string> kept_;
  board_wire::Answer answer_;
};
