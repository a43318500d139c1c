// SwiftPM wants a source file; the contract is the header alone. Compiling it here keeps it valid C.
#include "sluice_backend.h"
