// The Arduino core calls setup() once and loop() for ever; a sketch begins with Arduino.h unsaid.
#include "Arduino.h"
#include SKETCH

int main() {
  setup();
  while (true) {
    loop();
    delay(1);
  }
}
