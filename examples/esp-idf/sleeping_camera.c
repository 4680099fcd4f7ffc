/* A PhotoHub camera that sleeps: one request a wake brings the next order, its settings and how long to sleep.
 * The pins are those of the ESP32-S3-EYE and boards wired like it; put in your own board's. */
#include <stdlib.h>
#include <string.h>

#include "cJSON.h"
#include "esp_camera.h"
#include "esp_crt_bundle.h"
#include "esp_event.h"
#include "esp_http_client.h"
#include "esp_log.h"
#include "esp_netif.h"
#include "esp_sleep.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "nvs_flash.h"
#include "protocol_examples_common.h"

#define HUB "http://192.168.1.20:8000"
#define DEVICE_KEY "<the key of this device>"
#define NAME_BYTES 50 /* 49 and the end */

static const char *TAG = "photohub";
static const struct { const char *name; framesize_t size; } SIZES[] = {
    {"QVGA", FRAMESIZE_QVGA}, {"VGA", FRAMESIZE_VGA}, {"SVGA", FRAMESIZE_SVGA}, {"XGA", FRAMESIZE_XGA}, {"UXGA", FRAMESIZE_UXGA},
};

/* Deep sleep keeps these. A wish counts from the next wake on, when the camera is set up with it. */
static RTC_DATA_ATTR int settings_version = 0, size_index = 3, quality = 80, sleep_s = 300;
static RTC_DATA_ATTR char restarted[NAME_BYTES] = "";

static void start_camera(void)
{
    const camera_config_t camera = {
        .pin_pwdn = -1, .pin_reset = -1, .pin_xclk = 15, .pin_sccb_sda = 4, .pin_sccb_scl = 5,
        .pin_d7 = 16, .pin_d6 = 17, .pin_d5 = 18, .pin_d4 = 12, .pin_d3 = 10, .pin_d2 = 8, .pin_d1 = 9, .pin_d0 = 11,
        .pin_vsync = 6, .pin_href = 7, .pin_pclk = 13,
        .xclk_freq_hz = 20000000, .ledc_timer = LEDC_TIMER_0, .ledc_channel = LEDC_CHANNEL_0,
        .pixel_format = PIXFORMAT_JPEG, .frame_size = SIZES[size_index].size, .jpeg_quality = 63 - quality * 59 / 100,
        .fb_count = 1, .fb_location = CAMERA_FB_IN_PSRAM, .grab_mode = CAMERA_GRAB_WHEN_EMPTY,
    };
    ESP_ERROR_CHECK(esp_camera_init(&camera));
}

/* Asks once, with a body or without. Returns the HTTP status, or 0 without a connection. */
static int ask_once(const char *path, const char *body, int length, const char *type, const char *name, char *answer, int room)
{
    char url[200], version[12];
    snprintf(url, sizeof(url), "%s%s", HUB, path);
    snprintf(version, sizeof(version), "%d", settings_version);
    esp_http_client_config_t config = {
        .url = url, .method = body ? HTTP_METHOD_POST : HTTP_METHOD_GET, .timeout_ms = 10000,
        .crt_bundle_attach = esp_crt_bundle_attach,
    };
    esp_http_client_handle_t http = esp_http_client_init(&config);
    int status = 0, got = 0;
    esp_http_client_set_header(http, "X-Device-Key", DEVICE_KEY);
    esp_http_client_set_header(http, "X-Settings-Version", version);
    if (body) {
        esp_http_client_set_header(http, "Content-Type", type);
    }
    if (name[0]) {
        esp_http_client_set_header(http, "Name-Pic", name);
    }
    answer[0] = 0;
    if (esp_http_client_open(http, length) == ESP_OK && (!body || esp_http_client_write(http, body, length) == length) &&
        esp_http_client_fetch_headers(http) >= 0) {
        status = esp_http_client_get_status_code(http);
        got = esp_http_client_read_response(http, answer, room - 1);
        answer[got > 0 ? got : 0] = 0;
    }
    esp_http_client_cleanup(http);
    return status;
}

/* Asks until there is an answer to keep; NULL when there is none. */
static cJSON *ask(const char *path, const char *body, int length, const char *type, const char *name)
{
    char answer[513] = "";
    for (int attempt = 0; attempt < 5; attempt++) { /* the same bytes under the same name are stored once */
        int status = ask_once(path, body, length, type, name, answer, sizeof(answer));
        ESP_LOGI(TAG, "HTTP %d %s", status, answer);
        if (status != 0 && status != 408 && status != 429 && status != 503 && status != 507) {
            return cJSON_ParseWithLength(answer, strlen(answer));
        }
        vTaskDelay(pdMS_TO_TICKS(3000));
    }
    return NULL;
}

static cJSON *upload(const char *name)
{
    camera_fb_t *picture = esp_camera_fb_get(); /* the buffered frame may be old */
    if (picture) {
        esp_camera_fb_return(picture);
        picture = esp_camera_fb_get();
    }
    if (!picture) {
        ESP_LOGE(TAG, "The camera gave no picture");
        return NULL;
    }
    cJSON *answer = ask("/api/upload", (const char *)picture->buf, picture->len, "image/jpeg", name);
    esp_camera_fb_return(picture);
    return answer;
}

static void report(const char *refused)
{
    char text[500];
    int length = snprintf(text, sizeof(text),
                          "{\"version\":%d,\"settings\":{\"frame_size\":\"%s\",\"quality\":%d,\"sleep_s\":%d},"
                          "\"refused\":{%s},\"can\":[\"frame_size\",\"quality\",\"sleep_s\"],\"restarted\":\"%s\"}",
                          settings_version, SIZES[size_index].name, quality, sleep_s, refused, restarted);
    cJSON_Delete(ask("/api/v1/device/settings", text, length, "application/json", ""));
}

static int set_size(const char *name)
{
    for (int i = 0; i < (int)(sizeof(SIZES) / sizeof(SIZES[0])); i++) {
        if (strcmp(SIZES[i].name, name) == 0) {
            size_index = i;
            return 1;
        }
    }
    return 0;
}

/* Be as the hub wishes, and say what could not be. */
static void take_up(int version, const cJSON *wish)
{
    const char *refused = "";
    const cJSON *size = cJSON_GetObjectItem(wish, "frame_size"), *percent = cJSON_GetObjectItem(wish, "quality");
    const cJSON *seconds = cJSON_GetObjectItem(wish, "sleep_s");
    if (cJSON_IsString(size) && !set_size(size->valuestring)) {
        refused = "\"frame_size\":\"this board has QVGA, VGA, SVGA, XGA and UXGA\"";
    }
    if (cJSON_IsNumber(percent)) {
        quality = percent->valueint;
    }
    if (cJSON_IsNumber(seconds)) {
        sleep_s = seconds->valueint;
    }
    settings_version = version;
    report(refused);
}

static void read_settings(const cJSON *answer)
{
    const cJSON *version = cJSON_GetObjectItem(answer, "settings_version");
    const cJSON *wish = cJSON_GetObjectItem(answer, "settings");
    if (!cJSON_IsNumber(version) || version->valueint == settings_version) {
        return;
    }
    if (wish) {
        take_up(version->valueint, wish);
        return;
    }
    char path[60]; /* it did not fit into the answer */
    snprintf(path, sizeof(path), "/api/v1/device/settings?version=%d", settings_version);
    cJSON *told = ask(path, NULL, 0, "", "");
    if (cJSON_IsNumber(cJSON_GetObjectItem(told, "version"))) {
        take_up(cJSON_GetObjectItem(told, "version")->valueint, cJSON_GetObjectItem(told, "settings"));
    }
    cJSON_Delete(told);
}

/* Uploads, and does what the answer says. Returns 0 when there is nothing more to do in this wake. */
static int do_one(char *name, int *wait_s)
{
    cJSON *answer = upload(name);
    read_settings(answer);
    const cJSON *seconds = cJSON_GetObjectItem(answer, "sleep_s"), *order = cJSON_GetObjectItem(answer, "command");
    const cJSON *action = cJSON_GetObjectItem(order, "action"), *wanted = cJSON_GetObjectItem(order, "name");
    int more = cJSON_IsString(wanted) && strlen(wanted->valuestring) < NAME_BYTES;
    if (cJSON_IsNumber(seconds)) {
        *wait_s = seconds->valueint;
    }
    if (more) {
        strcpy(name, wanted->valuestring);
    }
    if (more && cJSON_IsNumber(action) && action->valueint == 1) {
        strcpy(restarted, name);
        *wait_s = more = 0; /* waking is starting again */
    }
    cJSON_Delete(answer);
    return more;
}

void app_main(void)
{
    char name[NAME_BYTES] = "";
    int wait_s = sleep_s;
    ESP_ERROR_CHECK(nvs_flash_init());
    ESP_ERROR_CHECK(esp_netif_init());
    ESP_ERROR_CHECK(esp_event_loop_create_default());
    ESP_ERROR_CHECK(example_connect());
    start_camera();
    if (restarted[0]) {
        report("");
        restarted[0] = 0;
    }
    while (do_one(name, &wait_s)) {
    }
    ESP_LOGI(TAG, "Sleeping for %d s", wait_s);
    esp_deep_sleep(wait_s * 1000000ULL + 1000);
}
