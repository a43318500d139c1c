#include "sluice_backend.h"
