#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fanin {

/// Number of single-character insertions, deletions and replacements that turn `a` into `b`.
/// Source: Levenshtein 1966.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate most like `word`, if any is alike enough to be what was meant; else "". Case counts for nothing.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates);

/// For the end of an error message: "; did you mean 'resnext'?" or, where nothing is alike, "; known are: a, b, c".
std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace fanin
