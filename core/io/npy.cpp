#include "core/io/npy.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "core/io/atomic_file.h"
#include "core/io/input_file.h"

namespace fanin {

namespace {

constexpr std::string_view magic = "\x93NUMPY";
constexpr std::size_t max_header = 1 << 16;  // NumPy itself stops at 10,000 bytes

struct NpyHeader {
  DType dtype = DType::f32;
  Shape shape;
};

/// Reads the header's text, a Python dictionary: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
class NpyHeaderReader final {
 public:
  NpyHeaderReader(std::string_view text, const std::string& path) : text_(text), path_(path) {}

  NpyHeader read() {
    std::optional<std::string_view> descr, order;
    std::optional<Shape> shape;
    expect('{');
    while (!accept('}')) {
      const std::string_view key = quoted_text();
      expect(':');
      if (key == "descr" && !descr)
        descr = quoted_text();
      else if (key == "fortran_order" && !order)
        order = word();
      else if (key == "shape" && !shape)
        shape = tuple();
      else
        refuse("key '", key, "' is unknown or occurs twice");
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_blanks();
    if (at_ != text_.size()) refuse("text follows the closing }");
    if (!descr || !order || !shape) refuse("descr, fortran_order or shape is missing");
    if (*order != "False" && *order != "True") refuse("fortran_order is neither True nor False");
    check<FileError>(*order == "False", "'", path_,
                     "' is in Fortran order; save numpy.ascontiguousarray(array) instead");
    return {dtype_from(*descr), *shape};
  }

 private:
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    fail<FileError>("'", path_, "' has no valid .npy header: ", parts..., " (at byte ", at_, " of the header)");
  }

  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool accept(char c) {
    skip_blanks();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) refuse("expected ", c);
  }

  std::string_view quoted_text() {
    skip_blanks();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    if (quote != '\'' && quote != '"') refuse("expected a text in quotes");
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == text_.npos) refuse("a quote is not closed");
    const std::string_view inside = text_.substr(at_ + 1, end - at_ - 1);
    for (const char c : inside)
      if (c < 0x20 || c > 0x7e || c == '\\') refuse("a text in quotes holds a character that has no place there");
    at_ = end + 1;
    return inside;
  }

  std::string_view word() {
    skip_blanks();
    const std::size_t start = at_;
    while (at_ < text_.size() && ((text_[at_] >= 'a' && text_[at_] <= 'z') || (text_[at_] >= 'A' && text_[at_] <= 'Z')))
      ++at_;
    return text_.substr(start, at_ - start);
  }

  /// (), (3,) or (2, 3).
  Shape tuple() {
    std::vector<Dim> sizes;
    bool comma = true;
    expect('(');
    while (!accept(')')) {
      if (!comma) refuse("expected ) after the shape");
      Dim size = 0;
      skip_blanks();
      const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), size);
      if (error != std::errc() || size < 0) refuse("expected a size from 0 to 2^63 - 1");
      at_ = static_cast<std::size_t>(end - text_.data());
      sizes.push_back(size);
      if (sizes.size() > Shape::max_rank) refuse("more than ", Shape::max_rank, " dimensions");
      comma = accept(',');
    }
    if (sizes.size() == 1 && !comma) refuse("a shape of one dimension is written (n,)");
    if (!Shape::countable(sizes)) refuse("an impossible shape");
    return Shape(std::span<const Dim>(sizes));
  }

  DType dtype_from(std::string_view descr) const {
    if (descr == "<f4") return DType::f32;
    if (descr == "<f8") return DType::f64;
    if (descr == "<i8") return DType::i64;
    if (descr == "|u1" || descr == "<u1") return DType::u8;
    fail<FileError>("'", path_, "' has elements of type '", descr,
                    "'; known are <f4, <f8, <i8 and |u1: convert it with array.astype");
  }

  std::string_view text_;
  const std::string& path_;
  std::size_t at_ = 0;
};

NpyHeader read_header(InputFile& file) {
  const std::string& path = file.path();
  std::array<unsigned char, 8> start{};
  const bool whole = file.size() >= 10 || !file.regular();
  check<FileError>(whole, "'", path, "' is no .npy file: it has only ", file.size(), " bytes");
  file.read(start.data(), start.size());
  check<FileError>(std::equal(magic.begin(), magic.end(), reinterpret_cast<const char*>(start.data())), "'", path,
                   "' is no .npy file: it does not begin with \\x93NUMPY");
  const int major = start[6];
  check<FileError>(major >= 1 && major <= 3 && start[7] == 0, "'", path, "' has .npy version ", major, ".",
                   int{start[7]}, "; known are 1.0, 2.0 and 3.0");
  std::array<unsigned char, 4> digits{};
  file.read(digits.data(), major == 1 ? 2 : 4);
  const std::size_t length = digits[0] | digits[1] << 8 | digits[2] << 16 | std::size_t{digits[3]} << 24;
  check<FileError>(length <= max_header, "'", path, "' claims a header of ", length, " bytes, more than the ",
                   max_header, " allowed");
  std::string text(length, ' ');
  file.read(text.data(), text.size());
  return NpyHeaderReader(text, path).read();
}

std::string_view descr_of(DType dtype) {
  switch (dtype) {
    case DType::f64: return "<f8";
    case DType::i64: return "<i8";
    case DType::u8: return "|u1";
    default: return "<f4";
  }
}

}  // namespace

Tensor load_npy(const std::string& path) {
  InputFile file(path);
  check<FileError>(file.regular(), "'", path, "' is no regular file");
  const NpyHeader header = read_header(file);
  const std::uint64_t bytes = static_cast<std::uint64_t>(header.shape.numel()) * size_of(header.dtype);
  const std::uint64_t rest = file.size() - file.offset();
  check<FileError>(bytes == rest, "'", path, "': ", header.dtype, " ", header.shape, " takes ", bytes, " bytes, but ",
                   rest, " follow the header: the file is ", bytes > rest ? "truncated" : "longer than one array");
  Tensor tensor = Tensor::empty(header.shape, header.dtype);
  if (bytes > 0) file.read(tensor.mutable_raw_bytes(), bytes);
  return tensor;
}

void save_npy(const std::string& path, const Tensor& tensor) {
  check<UnsetError>(tensor.is_set(), "save_npy: the tensor for '", path, "' has no values");
  const Tensor plain = tensor.plain().as(tensor.dtype() == DType::bf16 ? DType::f32 : tensor.dtype());
  std::string dictionary = text("{'descr': '", descr_of(plain.dtype()), "', 'fortran_order': False, 'shape': (");
  for (int i = 0; i < plain.rank(); ++i) dictionary += (i ? ", " : "") + std::to_string(plain.dim(i));
  dictionary += plain.rank() == 1 ? ",), }" : "), }";
  // The elements begin at a multiple of 64; the header's last byte is a line feed.
  const std::size_t before = magic.size() + 4;
  dictionary.resize((before + dictionary.size() + 1 + 63) / 64 * 64 - before - 1, ' ');
  dictionary += '\n';
  const std::array<char, 4> version_and_length{1, 0, static_cast<char>(dictionary.size() & 0xff),
                                               static_cast<char>(dictionary.size() >> 8)};
  AtomicFile file(path);
  file.write(magic);
  file.write(version_and_length.data(), version_and_length.size());
  file.write(dictionary);
  if (plain.numel() > 0) file.write(plain.raw_bytes(), plain.bytes());
  file.commit();
}

}  // namespace fanin
