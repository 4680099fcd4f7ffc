/* The esp32-camera component: its picture is the file that the environment names. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef int esp_err_t;
#ifndef ESP_OK
#define ESP_OK 0
#define ESP_FAIL -1
#endif
typedef enum { LEDC_TIMER_0 } ledc_timer_t;
typedef enum { LEDC_CHANNEL_0 } ledc_channel_t;
typedef enum { PIXFORMAT_RGB565, PIXFORMAT_JPEG = 4 } pixformat_t;
typedef enum { FRAMESIZE_QVGA = 5, FRAMESIZE_VGA = 8, FRAMESIZE_SVGA = 9, FRAMESIZE_XGA = 10, FRAMESIZE_UXGA = 13 } framesize_t;
typedef enum { CAMERA_GRAB_WHEN_EMPTY, CAMERA_GRAB_LATEST } camera_grab_mode_t;
typedef enum { CAMERA_FB_IN_PSRAM, CAMERA_FB_IN_DRAM } camera_fb_location_t;

typedef struct {
  int pin_pwdn, pin_reset, pin_xclk;
  union { int pin_sccb_sda, pin_sscb_sda; };
  union { int pin_sccb_scl, pin_sscb_scl; };
  int pin_d7, pin_d6, pin_d5, pin_d4, pin_d3, pin_d2, pin_d1, pin_d0;
  int pin_vsync, pin_href, pin_pclk;
  int xclk_freq_hz;
  ledc_timer_t ledc_timer;
  ledc_channel_t ledc_channel;
  pixformat_t pixel_format;
  framesize_t frame_size;
  int jpeg_quality;
  size_t fb_count;
  camera_fb_location_t fb_location;
  camera_grab_mode_t grab_mode;
  int sccb_i2c_port;
} camera_config_t;

typedef struct {
  uint8_t *buf;
  size_t len, width, height;
  pixformat_t format;
} camera_fb_t;

typedef struct sensor {
  int (*set_quality)(struct sensor *sensor, int quality);
} sensor_t;

static inline int board_set_quality(sensor_t *sensor, int quality) { return sensor && quality >= 4 && quality <= 63 ? 0 : -1; }

static inline sensor_t *esp_camera_sensor_get(void) {
  static sensor_t sensor = {board_set_quality};
  return &sensor;
}

static inline esp_err_t esp_camera_init(const camera_config_t *config) { return config ? ESP_OK : ESP_FAIL; }

static inline camera_fb_t *esp_camera_fb_get(void) {
  FILE *file = fopen(getenv("BOARD_PICTURE"), "rb");
  camera_fb_t *frame = (camera_fb_t *)calloc(1, sizeof *frame);
  frame->buf = (uint8_t *)malloc(1 << 20);
  frame->len = fread(frame->buf, 1, 1 << 20, file);
  fclose(file);
  return frame;
}

static inline void esp_camera_fb_return(camera_fb_t *frame) {
  free(frame->buf);
  free(frame);
}
