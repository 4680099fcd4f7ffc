/* Deep sleep: the board wakes by starting its program anew, and only memory of the real-time clock is as it was. */
#pragma once
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
#ifndef RTC_DATA_ATTR
#define RTC_DATA_ATTR
#endif
void esp_deep_sleep(uint64_t us) __attribute__((noreturn));
#ifdef __cplusplus
}
#endif
