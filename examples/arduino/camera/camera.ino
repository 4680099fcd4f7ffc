// A PhotoHub camera: uploads by HTTP, and takes a picture, or another JPEG quality, whenever MQTT asks for one.
// Libraries: PubSubClient and ArduinoJson. Board: an ESP32 with a camera and PSRAM.
// The pins are those of the AI-Thinker ESP32-CAM; put in your own board's.
#include <ArduinoJson.h>
#include <HTTPClient.h>
#include <PubSubClient.h>
#include <WiFi.h>

#include "esp_camera.h"

const char *WIFI_NAME = "<your Wi-Fi>";
const char *WIFI_PASSWORD = "<its password>";
const char *HUB = "192.168.1.20";
const char *UPLOAD_URL = "http://192.168.1.20:8000/api/upload";
const int BROKER_PORT = 1883;
const char *CODE = "porch";
const char *KEY = "<the key of this device>";
const char *COMMAND_TOPIC = "photohub/porch/command";
const char *STATUS_TOPIC = "photohub/porch/status";
const char *SETTINGS_TOPIC = "photohub/porch/settings";
const char *REPORT_TOPIC = "photohub/porch/settings/reported";

const char *KEPT_HEADERS[] = {"Retry-After"};

WiFiClient wire;
PubSubClient mqtt(wire);
String wantedName;  // set by a command, taken by loop()
bool wanted = false;
int settingsVersion = 0;  // of the hub's wish that was taken up; kept until the power goes
int quality = 90;         // percent; esp32-camera counts the other way, from 4 to 63

bool startCamera() {
  camera_config_t c = {};
  c.pin_pwdn = 32; c.pin_reset = -1; c.pin_xclk = 0; c.pin_sccb_sda = 26; c.pin_sccb_scl = 27;
  c.pin_d7 = 35; c.pin_d6 = 34; c.pin_d5 = 39; c.pin_d4 = 36; c.pin_d3 = 21; c.pin_d2 = 19; c.pin_d1 = 18; c.pin_d0 = 5;
  c.pin_vsync = 25; c.pin_href = 23; c.pin_pclk = 22;
  c.xclk_freq_hz = 20000000; c.ledc_timer = LEDC_TIMER_0; c.ledc_channel = LEDC_CHANNEL_0;
  c.pixel_format = PIXFORMAT_JPEG; c.frame_size = FRAMESIZE_XGA; c.jpeg_quality = 63 - quality * 59 / 100; c.fb_count = 1;
  c.fb_location = CAMERA_FB_IN_PSRAM; c.grab_mode = CAMERA_GRAB_WHEN_EMPTY;
  return esp_camera_init(&c) == ESP_OK;
}

camera_fb_t *freshPicture() {
  camera_fb_t *old = esp_camera_fb_get();  // the frame in the buffer may be old
  if (old) esp_camera_fb_return(old);
  return esp_camera_fb_get();
}

// Returns the HTTP status, below 0 without a connection, and how long the hub wants us to wait.
int sendOnce(camera_fb_t *picture, const String &name, int &waitS) {
  HTTPClient http;
  http.begin(UPLOAD_URL);
  http.setTimeout(10000);
  http.collectHeaders(KEPT_HEADERS, 1);
  http.addHeader("X-Device-Key", KEY);
  http.addHeader("Content-Type", "image/jpeg");
  http.addHeader("X-RSSI", String(WiFi.RSSI()));
  http.addHeader("X-Free-Heap", String(ESP.getFreeHeap()));
  if (name.length()) http.addHeader("Name-Pic", name);
  int status = http.POST(picture->buf, picture->len);
  Serial.printf("HTTP %d %s\n", status, status > 0 ? http.getString().c_str() : "");
  waitS = http.hasHeader("Retry-After") ? http.header("Retry-After").toInt() : 3;
  http.end();
  return status;
}

void takeAndUpload(const String &name) {
  camera_fb_t *picture = freshPicture();
  if (!picture) {
    Serial.println("The camera gave no picture");
    return;
  }
  for (int attempt = 0; attempt < 5; attempt++) {  // the same bytes under the same name are stored once
    int waitS = 3;
    int status = sendOnce(picture, name, waitS);
    bool again = status <= 0 || status == 408 || status == 429 || status == 503 || status == 507;
    if (!again) break;
    delay(waitS * 1000);
  }
  esp_camera_fb_return(picture);
}

void reportSettings() {
  char text[120];
  snprintf(text, sizeof(text), "{\"version\":%d,\"settings\":{\"quality\":%d},\"can\":[\"quality\"]}", settingsVersion, quality);
  mqtt.publish(REPORT_TOPIC, text);
}

void takeUp(JsonDocument &wish) {
  if (!wish["version"].is<int>()) return;
  settingsVersion = wish["version"].as<int>();
  if (wish["settings"]["quality"].is<int>()) quality = wish["settings"]["quality"].as<int>();
  sensor_t *sensor = esp_camera_sensor_get();
  if (sensor) sensor->set_quality(sensor, 63 - quality * 59 / 100);
  reportSettings();
}

void onMessage(char *topic, byte *payload, unsigned int length) {
  JsonDocument order;
  if (deserializeJson(order, payload, length)) return;
  if (strcmp(topic, SETTINGS_TOPIC) == 0) return takeUp(order);
  JsonVariant action = order["action"];
  bool capture = (action.is<int>() && action.as<int>() == 0) || action == "0";
  if (!capture || !order["name"].is<const char *>()) return;
  wantedName = order["name"].as<const char *>();
  wanted = true;
}

void connectBroker() {
  if (!mqtt.connect(CODE, CODE, KEY, STATUS_TOPIC, 1, false, "offline")) {
    Serial.printf("Broker: %d\n", mqtt.state());
    delay(3000);
    return;
  }
  mqtt.subscribe(COMMAND_TOPIC, 1);
  mqtt.publish(STATUS_TOPIC, "online");
  reportSettings();
  mqtt.subscribe(SETTINGS_TOPIC, 1);
}

void setup() {
  Serial.begin(115200);
  WiFi.begin(WIFI_NAME, WIFI_PASSWORD);
  while (WiFi.status() != WL_CONNECTED) delay(200);
  if (!startCamera()) Serial.println("The camera did not start: check the pins");
  mqtt.setServer(HUB, BROKER_PORT);
  mqtt.setBufferSize(1024);
  mqtt.setKeepAlive(60);
  mqtt.setCallback(onMessage);
  takeAndUpload("");
}

void loop() {
  if (!mqtt.connected()) connectBroker();
  mqtt.loop();
  if (!wanted) return;
  wanted = false;
  takeAndUpload(wantedName);
}
