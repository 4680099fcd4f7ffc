#pragma once
#include "esp_idf.h"
