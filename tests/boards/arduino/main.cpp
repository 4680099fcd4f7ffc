// The Arduino core calls setup() once and loop() for ever; a sketch begins with Arduino.h unsaid.
#include "Arduino.h"
#include SKETCH

#include "../esp_sleep.h"

namespace {
struct Wakes {};
}  // namespace

void esp_deep_sleep(uint64_t us) {
  std::this_thread::sleep_for(std::chrono::microseconds(us));
  throw Wakes();
}

static void live() {
  setup();
  while (true) {
    loop();
    delay(1);
  }
}

int main() {
  while (true) {
    try {
      live();
    } catch (const Wakes &) {
    }
  }
}
