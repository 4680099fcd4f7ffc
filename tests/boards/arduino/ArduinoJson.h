// ArduinoJson 7, for objects of texts, whole numbers and objects: what commands and answers are.
#pragma once
#include "../json.h"
#include "Arduino.h"

class JsonVariant {
 public:
  JsonVariant(const board_json::Value *value = nullptr) : value_(value) {}
  template <typename T> bool is() const {
    if constexpr (std::is_same_v<T, int>) return value_ && value_->kind == board_json::Value::NUMBER;
    else return value_ && value_->kind == board_json::Value::TEXT;
  }
  template <typename T> T as() const {
    if constexpr (std::is_same_v<T, int>) return is<T>() ? value_->number : 0;
    else return is<T>() ? value_->text.c_str() : nullptr;
  }
  JsonVariant operator[](const char *key) const {
    if (!value_) return JsonVariant();
    auto found = value_->inside.find(key);
    return found == value_->inside.end() ? JsonVariant() : JsonVariant(&found->second);
  }
  bool operator==(const char *other) const { return is<const char *>() && value_->text == other; }

 private:
  const board_json::Value *value_;
};

class JsonDocument {
 public:
  JsonVariant operator[](const char *key) const { return JsonVariant(&value)[key]; }
  board_json::Value value;
};

struct DeserializationError {
  bool failed;
  explicit operator bool() const { return failed; }
};

template <typename Byte> DeserializationError deserializeJson(JsonDocument &document, const Byte *data, size_t length) {
  document.value = board_json::parse(std::string((const char *)data, length));
  return {document.value.kind != board_json::Value::OBJECT};
}
