#include "core/io/sha256.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace fanin {
namespace {

std::string of(const std::string& text) { return sha256(std::as_bytes(std::span(text.data(), text.size()))); }

TEST_CASE("sha256 gives the digests of FIPS 180-4's examples") {
  CHECK(of("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(of(std::string(1'000'000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("sha256 pads every length around a block") {
  CHECK(of(std::string(55, 'x')).starts_with("d5e285683cd4efc0"));
  CHECK(of(std::string(56, 'x')).starts_with("04c26261370ee754"));
  CHECK(of(std::string(63, 'x')).starts_with("75220b47218278e6"));
  CHECK(of(std::string(64, 'x')).starts_with("7ce100971f64e700"));
  CHECK(of(std::string(65, 'x')).starts_with("9537c5fdf120482f"));
  CHECK(of(std::string(119, 'x')).starts_with("000b48d4edf0fa7b"));
  CHECK(of(std::string(120, 'x')).starts_with("13f05a0b594787f5"));
}

}  // namespace
}  // namespace fanin
