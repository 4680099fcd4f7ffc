// What stands behind esp_idf.h: threads for tasks, real sockets for HTTP and MQTT.
#include "esp_idf.h"
#include "../esp_sleep.h"
#include "../json.h"

#include <csetjmp>
#include <cstdarg>
#include <cstring>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "../sockets.h"

esp_err_t nvs_flash_init(void) { return ESP_OK; }
esp_err_t esp_netif_init(void) { return ESP_OK; }
esp_err_t esp_event_loop_create_default(void) { return ESP_OK; }
esp_err_t example_connect(void) { return ESP_OK; }
esp_err_t esp_crt_bundle_attach(void *) { return ESP_OK; }
void *heap_caps_malloc(size_t size, uint32_t) { return malloc(size); }
void *heap_caps_malloc_prefer(size_t size, size_t, ...) { return malloc(size); }

// --- FreeRTOS

struct QueueDefinition {
  size_t length, size;
  std::deque<std::string> items;
  std::mutex lock;
  std::condition_variable changed;
};

void vTaskDelay(TickType_t ticks) { std::this_thread::sleep_for(std::chrono::milliseconds(ticks)); }

BaseType_t xTaskCreate(TaskFunction_t task, const char *, uint32_t, void *arg, UBaseType_t, TaskHandle_t *) {
  std::thread(task, arg).detach();
  return pdPASS;
}

QueueHandle_t xQueueCreate(UBaseType_t length, UBaseType_t size) {
  QueueHandle_t queue = new QueueDefinition();
  queue->length = length;
  queue->size = size;
  return queue;
}

BaseType_t xQueueSend(QueueHandle_t queue, const void *item, TickType_t) {
  std::lock_guard<std::mutex> held(queue->lock);
  if (queue->items.size() >= queue->length) return pdFALSE;
  queue->items.emplace_back(static_cast<const char *>(item), queue->size);
  queue->changed.notify_one();
  return pdTRUE;
}

BaseType_t xQueueReceive(QueueHandle_t queue, void *item, TickType_t wait) {
  std::unique_lock<std::mutex> held(queue->lock);
  auto some = [queue] { return !queue->items.empty(); };
  if (wait == portMAX_DELAY) queue->changed.wait(held, some);
  else if (!queue->changed.wait_for(held, std::chrono::milliseconds(wait), some)) return pdFALSE;
  memcpy(item, queue->items.front().data(), queue->size);
  queue->items.pop_front();
  return pdTRUE;
}

// --- esp_http_client

struct esp_http_client {
  std::string url, method, headers, body;
  board_wire::Answer answer;
  http_event_handle_cb handler = nullptr;
  void *user_data = nullptr;
  size_t read = 0, promised = 0;
};

esp_http_client_handle_t esp_http_client_init(const esp_http_client_config_t *config) {
  esp_http_client_handle_t client = new esp_http_client();
  client->url = config->url;
  client->method = config->method == HTTP_METHOD_POST ? "POST" : "GET";
  client->handler = config->event_handler;
  client->user_data = config->user_data;
  return client;
}

esp_err_t esp_http_client_set_header(esp_http_client_handle_t client, const char *key, const char *value) {
  client->headers += std::string(key) + ": " + value + "\r\n";
  return ESP_OK;
}

esp_err_t esp_http_client_open(esp_http_client_handle_t client, int length) {
  client->promised = length;
  client->body.clear();
  return ESP_OK;
}

int esp_http_client_write(esp_http_client_handle_t client, const char *data, int length) {
  client->body.append(data, length);
  return length;
}

int64_t esp_http_client_fetch_headers(esp_http_client_handle_t client) {
  if (client->body.size() != client->promised) return ESP_FAIL;
  client->answer = board_wire::ask(client->method, client->url, client->headers, client->body);
  client->read = 0;
  if (client->answer.status < 0) return ESP_FAIL;
  for (auto &pair : client->answer.headers) {
    esp_http_client_event_t event = {};
    event.event_id = HTTP_EVENT_ON_HEADER;
    event.client = client;
    event.user_data = client->user_data;
    event.header_key = const_cast<char *>(pair.first.c_str());
    event.header_value = &pair.second[0];
    if (client->handler) client->handler(&event);
  }
  return esp_http_client_get_content_length(client);
}

int esp_http_client_get_status_code(esp_http_client_handle_t client) { return client->answer.status; }

int64_t esp_http_client_get_content_length(esp_http_client_handle_t client) {
  auto found = client->answer.headers.find("Content-Length");
  return found == client->answer.headers.end() ? -1 : atoll(found->second.c_str());
}

int esp_http_client_read_response(esp_http_client_handle_t client, char *buffer, int length) {
  size_t part = std::min(size_t(length), client->answer.body.size() - client->read);
  memcpy(buffer, client->answer.body.data() + client->read, part);
  client->read += part;
  return part;
}

esp_err_t esp_http_client_cleanup(esp_http_client_handle_t client) {
  delete client;
  return ESP_OK;
}

// --- esp_mqtt

struct esp_mqtt_client {
  esp_mqtt_client_config_t config;
  esp_event_handler_t handler = nullptr;
  void *arg = nullptr;
  int fd = -1;
  int id = 0;
  std::mutex lock;
};

esp_mqtt_client_handle_t esp_mqtt_client_init(const esp_mqtt_client_config_t *config) {
  esp_mqtt_client_handle_t client = new esp_mqtt_client();
  client->config = *config;
  return client;
}

esp_err_t esp_mqtt_client_register_event(esp_mqtt_client_handle_t client, int32_t, esp_event_handler_t handler, void *arg) {
  client->handler = handler;
  client->arg = arg;
  return ESP_OK;
}

static bool put(esp_mqtt_client_handle_t client, const std::string &data) {
  std::lock_guard<std::mutex> held(client->lock);
  return client->fd >= 0 && board_wire::sendAll(client->fd, data.data(), data.size());
}

static void tell(esp_mqtt_client_handle_t client, esp_mqtt_event_id_t id, board_wire::Publish *got = nullptr) {
  esp_mqtt_event_t event = {};
  event.event_id = id;
  event.client = client;
  if (got) {
    event.topic = &got->topic[0];
    event.topic_len = got->topic.size();
    event.data = &got->payload[0];
    event.data_len = event.total_data_len = got->payload.size();
  }
  client->handler(client->arg, "MQTT_EVENTS", id, &event);
}

static void listen(esp_mqtt_client_handle_t client) {
  board_wire::Message message;
  while (board_wire::readPacket(client->fd, message)) {
    if (message.kind == 2 && message.body[1] == 0) tell(client, MQTT_EVENT_CONNECTED);
    if (message.kind != 3) continue;
    board_wire::Publish got = board_wire::readPublish(message);
    tell(client, MQTT_EVENT_DATA, &got);
    if (got.qos) put(client, board_wire::packet(0x40, got.id));
  }
}

static void keepConnected(esp_mqtt_client_handle_t client) {
  const esp_mqtt_client_config_t &config = client->config;
  board_wire::Address to = board_wire::readUrl(config.broker.address.uri);
  const auto &will = config.session.last_will;
  while (true) {
    client->fd = board_wire::connectTo(to.host, to.port);
    if (client->fd >= 0) {
      put(client, board_wire::connectPacket(config.credentials.client_id, config.credentials.username,
                                            config.credentials.authentication.password, will.topic ? will.topic : "",
                                            will.msg ? will.msg : "", will.qos, config.session.keepalive));
      listen(client);
      tell(client, MQTT_EVENT_DISCONNECTED);
      close(client->fd);
    }
    vTaskDelay(200);
  }
}

esp_err_t esp_mqtt_client_start(esp_mqtt_client_handle_t client) {
  std::thread(keepConnected, client).detach();
  return ESP_OK;
}

int esp_mqtt_client_subscribe_single(esp_mqtt_client_handle_t client, const char *topic, int qos) {
  std::string id{0, char(++client->id)};
  return put(client, board_wire::packet(0x82, id + board_wire::text16(topic) + char(qos))) ? client->id : -1;
}

int esp_mqtt_client_publish(esp_mqtt_client_handle_t client, const char *topic, const char *data, int length, int qos, int) {
  std::string body = board_wire::text16(topic);
  if (qos) body += std::string{0, char(++client->id)};
  body += length ? std::string(data, length) : std::string(data);
  return put(client, board_wire::packet(0x30 | qos << 1, body)) ? client->id : -1;
}

// --- cJSON

static cJSON *itemOf(const std::string &name, const board_json::Value &value) {
  cJSON *item = (cJSON *)calloc(1, sizeof(cJSON));
  item->string = strdup(name.c_str());
  if (value.kind == board_json::Value::TEXT) item->valuestring = strdup(value.text.c_str());
  if (value.kind == board_json::Value::NUMBER) item->type = 8;
  item->valueint = value.number;
  for (auto &pair : value.inside) {
    cJSON *inside = itemOf(pair.first, pair.second);
    inside->next = item->child;
    item->child = inside;
  }
  return item;
}

cJSON *cJSON_ParseWithLength(const char *value, size_t length) {
  board_json::Value read = board_json::parse(std::string(value, length));
  return read.kind == board_json::Value::OBJECT ? itemOf("", read) : nullptr;
}

cJSON *cJSON_GetObjectItem(const cJSON *object, const char *name) {
  for (cJSON *item = object ? object->child : nullptr; item; item = item->next)
    if (!strcmp(item->string, name)) return item;
  return nullptr;
}

int cJSON_IsNumber(const cJSON *item) { return item && item->type == 8; }
int cJSON_IsString(const cJSON *item) { return item && item->valuestring; }

void cJSON_Delete(cJSON *item) {
  if (!item) return;
  cJSON_Delete(item->child);
  cJSON_Delete(item->next);
  free(item->string);
  free(item->valuestring);
  free(item);
}

// Deep sleep: app_main begins anew. What it holds on its stack is gone, as on the board.
static jmp_buf wakes;

void esp_deep_sleep(uint64_t us) {
  std::this_thread::sleep_for(std::chrono::microseconds(us));
  longjmp(wakes, 1);
}

int main() {
  setjmp(wakes);
  app_main();
  while (true) vTaskDelay(1000);
}
