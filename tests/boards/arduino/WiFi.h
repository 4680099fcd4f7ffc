// WiFi and WiFiClient: the computer's network is up already.
#pragma once
#include "../sockets.h"
#include "Arduino.h"

enum wl_status_t { WL_IDLE_STATUS = 0, WL_CONNECTED = 3, WL_DISCONNECTED = 6 };

class WiFiClass {
 public:
  wl_status_t begin(const char *, const char *) { return WL_CONNECTED; }
  wl_status_t status() { return WL_CONNECTED; }
  int8_t RSSI() { return -60; }
};
inline WiFiClass WiFi;

class Client {
 public:
  virtual ~Client() = default;
  int fd = -1;
};

class WiFiClient : public Client {};
