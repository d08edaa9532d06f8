#pragma once

#include "core/io/json.h"

namespace fanin {

/// What this machine offers and what was chosen: processor, cores, threads, instruction set, memory, libraries.
Json machine();

}  // namespace fanin
