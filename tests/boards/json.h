// JSON as much as answers of the hub have: objects of texts, whole numbers and objects. Other values are passed over.
#pragma once
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

namespace board_json {

struct Value {
  enum Kind { NOTHING, TEXT, NUMBER, OBJECT } kind = NOTHING;
  std::string text;
  int number = 0;
  std::map<std::string, Value> inside;
};

inline void skip(const char *&at, const char *end, const char *what) {
  while (at < end && strchr(what, *at)) at++;
}

inline std::string readText(const char *&at, const char *end) {
  std::string text;
  for (at++; at < end && *at != '"'; at++) {
    if (*at == '\\' && at + 1 < end) at++;
    text += *at;
  }
  if (at < end) at++;
  return text;
}

inline Value read(const char *&at, const char *end) {
  Value value;
  skip(at, end, " \t\r\n");
  if (at < end && *at == '"') {
    value.kind = Value::TEXT;
    value.text = readText(at, end);
  } else if (at < end && *at == '{') {
    value.kind = Value::OBJECT;
    at++;
    while (true) {
      skip(at, end, " \t\r\n,");
      if (at >= end || *at != '"') break;
      std::string name = readText(at, end);
      skip(at, end, " \t\r\n:");
      value.inside[name] = read(at, end);
    }
    if (at < end) at++;
  } else if (at < end && (*at == '-' || (*at >= '0' && *at <= '9'))) {
    value.kind = Value::NUMBER;
    value.number = int(strtoll(at, nullptr, 10));
    while (at < end && !strchr(",}", *at)) at++;
  } else {
    while (at < end && !strchr(",}", *at)) at++;
  }
  return value;
}

inline Value parse(const std::string &json) {
  const char *at = json.data(), *end = at + json.size();
  return read(at, end);
}

}  // namespace board_json
