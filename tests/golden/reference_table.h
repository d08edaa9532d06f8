#pragma once

#include <doctest/doctest.h>

#include <bit>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <span>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

#include "core/io/sha256.h"
#include "core/random.h"

namespace fanin::golden {

/// One line of tests/golden/rng_reference.txt; make_rng_reference.py says what stands in it.
struct Row {
  std::string line, quantity, hash;
  std::uint64_t seed = 0;
  std::size_t count = 0;
  std::vector<Generator::Path> paths;
  std::vector<std::string> values;  // the last, then the first 8

  template <class T>
  static std::string shown(T value) {
    if constexpr (std::is_integral_v<T>)
      return std::to_string(value);
    else {
      using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
      std::string digits(2 * sizeof(T), '0');
      std::string hex(2 * sizeof(T), '0');
      const auto end = std::to_chars(hex.data(), hex.data() + hex.size(), std::bit_cast<Bits>(value), 16).ptr;
      const auto size = static_cast<std::size_t>(end - hex.data());
      return digits.substr(size) + hex.substr(0, size);
    }
  }

  /// Checks every bit of `drawn`: the values shown in the line, and the hash over all.
  template <class T>
  void expect(const std::vector<T>& drawn) const {
    REQUIRE(drawn.size() == count);
    std::vector<std::string> own = {shown(drawn.back())};
    for (std::size_t i = 0; i < drawn.size() && i < 8; ++i) own.push_back(shown(drawn[i]));
    CHECK(own == values);
    CHECK(sha256(std::as_bytes(std::span(drawn))).substr(0, 16) == hash);
  }
};

inline std::vector<Row> reference_rows() {
  std::ifstream file("tests/golden/rng_reference.txt");
  REQUIRE(file);
  std::vector<Row> rows;
  for (std::string line; std::getline(file, line);) {
    Row row;
    row.line = line;
    std::istringstream in(line);
    std::string path;
    in >> row.seed >> row.count >> row.quantity >> path >> row.hash;
    for (std::string value; in >> value;) row.values.push_back(value);
    if (path != "scalar") row.paths.push_back(Generator::Path::simd);
    if (path != "simd") row.paths.push_back(Generator::Path::scalar);
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace fanin::golden
