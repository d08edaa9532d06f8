#include <bit>
#include <sstream>

#include "core/random.h"

namespace fanin {

std::string Generator::state() const {
  std::ostringstream out;
  out << "mt19937 " << seed_ << (path_ == Path::simd ? " simd " : " scalar ") << next_ << ' ';
  if (spare_)
    out << std::hex << std::bit_cast<std::uint64_t>(*spare_);
  else
    out << '-';
  out << std::hex;
  for (const std::uint32_t word : words_) out << ' ' << word;
  return out.str();
}

void Generator::restore(const std::string& state) {
  std::istringstream in(state);
  std::string engine;
  std::string path;
  std::string spare;
  Generator read(0);
  in >> engine >> read.seed_ >> path >> read.next_ >> spare >> std::hex;
  for (std::uint32_t& word : read.words_) in >> word;
  check<NumericError>(in && engine == "mt19937" && (path == "simd" || path == "scalar") && read.next_ >= 0 &&
                          read.next_ <= 624 && (in >> std::ws).eof(),
                      "this is no state of a Generator: \"", state.substr(0, 40), "…\", ", state.size(), " characters");
  read.path_ = path == "simd" ? Path::simd : Path::scalar;
  if (spare != "-") {
    std::uint64_t bits = 0;
    check<NumericError>(static_cast<bool>(std::istringstream(spare) >> std::hex >> bits),
                        "this is no state of a Generator: its spare value is \"", spare, "\"");
    read.spare_ = std::bit_cast<double>(bits);
  }
  *this = read;
}

}  // namespace fanin
