// A PhotoHub camera that sleeps: one request a wake brings the next order, its settings and how long to sleep.
// Library: ArduinoJson. Board: an ESP32 with a camera and PSRAM; the pins are those of the AI-Thinker ESP32-CAM.
#include <ArduinoJson.h>
#include <HTTPClient.h>
#include <WiFi.h>

#include "esp_camera.h"
#include "esp_sleep.h"

const char *WIFI_NAME = "<your Wi-Fi>";
const char *WIFI_PASSWORD = "<its password>";
const char *HUB = "http://192.168.1.20:8000";
const char *KEY = "<the key of this device>";

struct Size {
  const char *name;
  framesize_t size;
};
const Size SIZES[] = {{"QVGA", FRAMESIZE_QVGA}, {"VGA", FRAMESIZE_VGA}, {"SVGA", FRAMESIZE_SVGA}, {"XGA", FRAMESIZE_XGA}, {"UXGA", FRAMESIZE_UXGA}};

// Deep sleep keeps these. A wish counts from the next wake on, when the camera is set up with it.
RTC_DATA_ATTR int settingsVersion = 0;
RTC_DATA_ATTR int sizeIndex = 3;
RTC_DATA_ATTR int quality = 80;  // percent
RTC_DATA_ATTR int sleepS = 300;
RTC_DATA_ATTR char restarted[50] = "";

bool startCamera() {
  camera_config_t c = {};
  c.pin_pwdn = 32; c.pin_reset = -1; c.pin_xclk = 0; c.pin_sccb_sda = 26; c.pin_sccb_scl = 27;
  c.pin_d7 = 35; c.pin_d6 = 34; c.pin_d5 = 39; c.pin_d4 = 36; c.pin_d3 = 21; c.pin_d2 = 19; c.pin_d1 = 18; c.pin_d0 = 5;
  c.pin_vsync = 25; c.pin_href = 23; c.pin_pclk = 22;
  c.xclk_freq_hz = 20000000; c.ledc_timer = LEDC_TIMER_0; c.ledc_channel = LEDC_CHANNEL_0;
  c.pixel_format = PIXFORMAT_JPEG; c.frame_size = SIZES[sizeIndex].size; c.jpeg_quality = 63 - quality * 59 / 100; c.fb_count = 1;
  c.fb_location = CAMERA_FB_IN_PSRAM; c.grab_mode = CAMERA_GRAB_WHEN_EMPTY;
  return esp_camera_init(&c) == ESP_OK;
}

// Asks the hub, with a body or without, and reads its answer. Returns the HTTP status, below 0 without a connection.
int ask(const String &path, uint8_t *body, size_t length, const char *type, const String &name, JsonDocument &answer) {
  int status = -1;
  for (int attempt = 0; attempt < 5; attempt++) {  // the same bytes under the same name are stored once
    HTTPClient http;
    http.begin(String(HUB) + path);
    http.setTimeout(10000);
    http.addHeader("X-Device-Key", KEY);
    http.addHeader("X-Settings-Version", String(settingsVersion));
    if (body) http.addHeader("Content-Type", type);
    if (name.length()) http.addHeader("Name-Pic", name);
    status = body ? http.POST(body, length) : http.GET();
    String text = status > 0 ? http.getString() : String();
    http.end();
    Serial.printf("HTTP %d %s\n", status, text.c_str());
    if (status > 0 && status != 408 && status != 429 && status != 503 && status != 507) {
      deserializeJson(answer, text.c_str(), text.length());
      break;
    }
    delay(3000);
  }
  return status;
}

bool upload(const String &name, JsonDocument &answer) {
  camera_fb_t *picture = esp_camera_fb_get();  // the frame in the buffer may be old
  if (picture) esp_camera_fb_return(picture);
  picture = esp_camera_fb_get();
  if (!picture) {
    Serial.println("The camera gave no picture");
    return false;
  }
  int status = ask("/api/upload", picture->buf, picture->len, "image/jpeg", name, answer);
  esp_camera_fb_return(picture);
  return status == 200;
}

void report(const char *refused) {
  char text[400];
  int length = snprintf(text, sizeof(text),
                        "{\"version\":%d,\"settings\":{\"frame_size\":\"%s\",\"quality\":%d,\"sleep_s\":%d},"
                        "\"refused\":{%s},\"can\":[\"frame_size\",\"quality\",\"sleep_s\"],\"restarted\":\"%s\"}",
                        settingsVersion, SIZES[sizeIndex].name, quality, sleepS, refused, restarted);
  JsonDocument nothing;
  ask("/api/v1/device/settings", (uint8_t *)text, length, "application/json", "", nothing);
}

bool setSize(const char *name) {
  for (size_t i = 0; i < sizeof(SIZES) / sizeof(SIZES[0]); i++) {
    if (strcmp(SIZES[i].name, name) != 0) continue;
    sizeIndex = i;
    return true;
  }
  return false;
}

// Be as the hub wishes, and say what could not be.
void takeUp(int version, JsonVariant wish) {
  const char *refused = "";
  if (wish["frame_size"].is<const char *>() && !setSize(wish["frame_size"].as<const char *>()))
    refused = "\"frame_size\":\"this board has QVGA, VGA, SVGA, XGA and UXGA\"";
  if (wish["quality"].is<int>()) quality = wish["quality"].as<int>();
  if (wish["sleep_s"].is<int>()) sleepS = wish["sleep_s"].as<int>();
  settingsVersion = version;
  report(refused);
}

void readSettings(JsonDocument &answer) {
  int version = answer["settings_version"].as<int>();
  if (!answer["settings_version"].is<int>() || version == settingsVersion) return;
  if (answer["settings"]["frame_size"].is<const char *>() || answer["settings"]["quality"].is<int>() ||
      answer["settings"]["sleep_s"].is<int>()) {
    takeUp(version, answer["settings"]);
    return;
  }
  JsonDocument wish;  // it did not fit into the answer
  String path = String("/api/v1/device/settings?version=") + String(settingsVersion);
  if (ask(path, nullptr, 0, "", "", wish) == 200) takeUp(wish["version"].as<int>(), wish["settings"]);
}

void setup() {
  Serial.begin(115200);
  WiFi.begin(WIFI_NAME, WIFI_PASSWORD);
  while (WiFi.status() != WL_CONNECTED) delay(200);
  if (!startCamera()) Serial.println("The camera did not start: check the pins");
  if (restarted[0]) report("");
  restarted[0] = 0;
  int waitS = sleepS;
  String name;
  while (true) {
    JsonDocument answer;
    if (!upload(name, answer)) break;
    readSettings(answer);
    if (answer["sleep_s"].is<int>()) waitS = answer["sleep_s"].as<int>();
    JsonVariant order = answer["command"];
    if (!order["name"].is<const char *>()) break;
    name = order["name"].as<const char *>();
    if (order["action"].is<int>() && order["action"].as<int>() == 1) {
      strlcpy(restarted, name.c_str(), sizeof(restarted));
      waitS = 0;  // waking is starting again
      break;
    }
  }
  Serial.printf("Sleeping for %d s\n", waitS);
  esp_deep_sleep(waitS * 1000000ULL + 1000);
}

void loop() {}
