// Precompiled once for the library and once for the program: the standard headers that nearly every file takes. Files
// include what they use all the same, so that everything builds without this one too (-Db_pch=false).

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>
