// A thin stand-in of the Arduino core for ESP32, as much as the handed-out programs use: from its documentation.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <type_traits>

using std::max;
using std::min;
typedef uint8_t byte;
typedef bool boolean;

class String {
 public:
  String(const char *text = "") : text_(text ? text : "") {}
  String(const std::string &text) : text_(text) {}
  explicit String(int value) : text_(std::to_string(value)) {}
  explicit String(unsigned int value) : text_(std::to_string(value)) {}
  explicit String(long value) : text_(std::to_string(value)) {}
  explicit String(unsigned long value) : text_(std::to_string(value)) {}
  unsigned int length() const { return text_.size(); }
  const char *c_str() const { return text_.c_str(); }
  long toInt() const { return atol(text_.c_str()); }
  bool operator==(const char *other) const { return text_ == other; }
  String operator+(const String &other) const { return String(text_ + other.text_); }

 private:
  std::string text_;
};

// The core's C library has it, which this computer's may not.
inline size_t board_strlcpy(char *to, const char *from, size_t room) {
  snprintf(to, room, "%s", from);
  return strlen(from);
}
#define strlcpy board_strlcpy
#ifndef RTC_DATA_ATTR
#define RTC_DATA_ATTR
#endif

inline void delay(uint32_t ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }
inline unsigned long millis() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}
inline bool psramFound() { return true; }
inline void *ps_malloc(size_t size) { return malloc(size); }

class HardwareSerial {
 public:
  void begin(unsigned long) {}
  size_t println(const char *text) { return std::printf("%s\n", text) + 0 * fflush(stdout); }
  size_t printf(const char *format, ...) __attribute__((format(printf, 2, 3))) {
    va_list values;
    va_start(values, format);
    int written = vprintf(format, values);
    va_end(values);
    fflush(stdout);
    return written;
  }
};
inline HardwareSerial Serial;

class EspClass {
 public:
  uint32_t getFreeHeap() { return 200000; }
};
inline EspClass ESP;

void setup();
void loop();
