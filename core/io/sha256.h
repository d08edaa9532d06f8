#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace fanin {

/// SHA-256 of the bytes as 64 hexadecimal digits: what `sha256sum` prints, what the metadata of weight files carry per
/// tensor. Source: FIPS 180-4.
std::string sha256(std::span<const std::byte> bytes);

}  // namespace fanin
