// A PhotoHub panel: receives pictures over MQTT in packets and shows each when it is whole.
// Library: PubSubClient. Board: an ESP32; with PSRAM for pictures above 60 KB. Put your display's call into show().
// The device's settings in PhotoHub say the topics, and from which number it counts (ACK_BASE).
#include <PubSubClient.h>
#include <WiFi.h>

const char *WIFI_NAME = "<your Wi-Fi>";
const char *WIFI_PASSWORD = "<its password>";
const char *CODE = "hall";
const char *KEY = "<the key of this device>";
const char *BROKER = "192.168.1.20";
const int BROKER_PORT = 1883;
const char *PICTURE_TOPIC = "photohub/hall/picture";
const char *ACK_TOPIC = "photohub/hall/picture/ack";
const char *STATUS_TOPIC = "photohub/hall/status";
const int ACK_BASE = 0;
const size_t LARGEST_BYTES = 400000;  // needs PSRAM; without it 60000 or so
const size_t DATA_BYTES = 1400;
const int BEGIN = 1, DATA = 2, END = 3;

WiFiClient wire;
PubSubClient mqtt(wire);
uint8_t *picture = nullptr;  // the room for one picture
size_t pictureSize = 0, have = 0;
bool shown = false;
bool ready = false;  // set by the end, taken by loop(): a slow display must not hold the answer back

// Put your display here. The render profile in PhotoHub says which bytes come.
void show(const uint8_t *bytes, size_t size) {
  Serial.printf("A picture of %u bytes\n", (unsigned)size);
}

void forget() {
  free(picture);
  picture = nullptr;
  pictureSize = have = 0;
  shown = ready = false;
}

bool takeBegin(const uint8_t *data, size_t length) {
  forget();
  char text[80];
  if (length == 0 || length >= sizeof text) return false;
  memcpy(text, data, length);
  text[length] = 0;
  const char *size = strrchr(text, ';');
  unsigned long wanted = size ? strtoul(size + 1, nullptr, 10) : 0;
  if (wanted == 0 || wanted > LARGEST_BYTES) return false;
  picture = (uint8_t *)(psramFound() ? ps_malloc(wanted) : malloc(wanted));
  if (!picture) return false;
  pictureSize = wanted;
  return true;
}

bool takeData(int number, const uint8_t *data, size_t length) {
  if (number < 0 || !picture) return false;
  size_t start = (size_t)number * DATA_BYTES;
  if (start >= pictureSize || length != min(DATA_BYTES, pictureSize - start)) return false;
  if (start < have) {
    if (memcmp(picture + start, data, length) == 0) return true;  // the acknowledgement was lost: say it again
    forget();  // other bytes under this number: a begin was lost
    return false;
  }
  if (start > have) return false;
  memcpy(picture + start, data, length);
  have += length;
  return true;
}

bool takeEnd() {
  if (!picture || have < pictureSize) return false;
  if (!shown) ready = true;
  shown = true;
  return true;
}

void onMessage(char *topic, uint8_t *packet, unsigned int size) {
  if (size < 9 || packet[0] != 0xEE || packet[1] != 0xEE || packet[2] != 0xFF || packet[3] != 0xFF) return;
  int function = (int8_t)packet[4];
  int number = (int16_t)(packet[5] | packet[6] << 8);
  int length = (int16_t)(packet[7] | packet[8] << 8);
  if (function < BEGIN || function > END) return;
  const uint8_t *data = packet + 9;
  bool good = length == (int)size - 9;
  if (good && function == BEGIN) good = takeBegin(data, length);
  else if (good && function == DATA) good = takeData(number, data, length);
  else if (good) good = takeEnd();
  int said = function == DATA ? min(number + ACK_BASE, 0x7FFF) : number;
  // The library's buffer is the packet's own, so everything is read before this is published.
  uint8_t ack[8] = {0xFF, 0xFF, 0xEE, 0xEE, (uint8_t)function, (uint8_t)said, (uint8_t)(said >> 8), good};
  mqtt.publish(ACK_TOPIC, ack, sizeof ack);
}

void connectBroker() {
  if (!mqtt.connect(CODE, CODE, KEY, STATUS_TOPIC, 1, false, "offline")) {
    Serial.printf("Broker: %d\n", mqtt.state());
    delay(3000);
    return;
  }
  mqtt.subscribe(PICTURE_TOPIC, 0);
  mqtt.publish(STATUS_TOPIC, "online");
}

void setup() {
  Serial.begin(115200);
  WiFi.begin(WIFI_NAME, WIFI_PASSWORD);
  while (WiFi.status() != WL_CONNECTED) delay(200);
  mqtt.setServer(BROKER, BROKER_PORT);
  mqtt.setBufferSize(1600);  // a packet, its topic and what MQTT adds
  mqtt.setKeepAlive(60);
  mqtt.setCallback(onMessage);
}

void loop() {
  if (!mqtt.connected()) connectBroker();
  mqtt.loop();
  if (!ready) return;
  ready = false;
  show(picture, pictureSize);
}
