// ArduinoJson 7, for flat objects of strings and whole numbers: what a command is.
#pragma once
#include <map>

#include "Arduino.h"

class JsonVariant {
 public:
  JsonVariant(const std::string *text = nullptr, const int *number = nullptr) : text_(text), number_(number) {}
  template <typename T> bool is() const {
    if constexpr (std::is_same_v<T, int>) return number_ != nullptr;
    else return text_ != nullptr;
  }
  template <typename T> T as() const {
    if constexpr (std::is_same_v<T, int>) return number_ ? *number_ : 0;
    else return text_ ? text_->c_str() : nullptr;
  }
  bool operator==(const char *other) const { return text_ && *text_ == other; }

 private:
  const std::string *text_;
  const int *number_;
};

class JsonDocument {
 public:
  JsonVariant operator[](const char *key) const {
    auto text = texts.find(key);
    auto number = numbers.find(key);
    return JsonVariant(text == texts.end() ? nullptr : &text->second, number == numbers.end() ? nullptr : &number->second);
  }
  std::map<std::string, std::string> texts;
  std::map<std::string, int> numbers;
};

struct DeserializationError {
  bool failed;
  explicit operator bool() const { return failed; }
};

inline DeserializationError deserializeJson(JsonDocument &document, const uint8_t *data, size_t length) {
  std::string json((const char *)data, length);
  size_t at = json.find('{');
  if (at == std::string::npos || json.back() != '}') return {true};
  while ((at = json.find('"', at)) != std::string::npos) {
    size_t end = json.find('"', at + 1), value = json.find(':', end) + 1;
    std::string key = json.substr(at + 1, end - at - 1);
    value = json.find_first_not_of(" ", value);
    if (json[value] == '"') {
      end = json.find('"', value + 1);
      document.texts[key] = json.substr(value + 1, end - value - 1);
    } else {
      document.numbers[key] = atoi(json.c_str() + value);
    }
    at = end + 1;
    at = json.find(',', json[value] == '"' ? at : value);
  }
  return {false};
}
