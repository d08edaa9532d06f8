#include "core/io/safetensors_header.h"

#include <algorithm>
#include <array>
#include <bit>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_set>
#include <utility>

#include "core/check.h"

namespace fanin {

namespace {

constexpr std::size_t length_bytes = 8;  // the header's length stands in front of it

/// A name from a file, fit for a message: control characters would reach the reader's terminal.
std::string shown(std::string_view name) {
  std::string out = "'";
  for (const char c : name.substr(0, 100)) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return out + (name.size() > 100 ? "…'" : "'");
}

std::optional<DType> dtype_from(std::string_view name) {
  if (name == "F32") return DType::f32;
  if (name == "F64") return DType::f64;
  if (name == "BF16") return DType::bf16;
  if (name == "I64") return DType::i64;
  if (name == "U8") return DType::u8;
  return std::nullopt;
}

std::string_view format_name(DType dtype) {
  switch (dtype) {
    case DType::f32: return "F32";
    case DType::f64: return "F64";
    case DType::bf16: return "BF16";
    case DType::i64: return "I64";
    case DType::u8: return "U8";
  }
  return "";
}

/// The text as a JSON string.
std::string json_string(std::string_view text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    fail<StateDictError>("save_safetensors: a name or a metadata text is no valid UTF-8");
  }
}

/// Follows the one form a header may have and refuses every other event:
///   { "__metadata__": {"key": "value", …},  "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, … }
/// The JSON library would silently keep one of two equal keys; here they are seen as they are read.
class HeaderReader final {
 public:
  using number_integer_t = std::int64_t;
  using number_unsigned_t = std::uint64_t;
  using number_float_t = double;
  using string_t = std::string;
  using binary_t = nlohmann::json::binary_t;

  explicit HeaderReader(const std::string& path) : path_(path) {}

  SafetensorsHeader take() { return std::move(header_); }

  bool start_object(std::size_t) {
    switch (at_) {
      case At::start: at_ = At::root; break;
      case At::metadata_start: at_ = At::metadata; break;
      case At::entry_start: at_ = At::entry; break;
      default: unexpected("an object");
    }
    return true;
  }

  bool key(string_t& name) {
    if (at_ == At::root) return root_key(name);
    if (at_ == At::metadata) {
      metadata_key_ = name;
      refuse_if(header_.metadata.contains(name), "key ", shown(name), " occurs twice in __metadata__");
      return true;
    }
    at_ = field_of(name);
    const unsigned bit = 1U << static_cast<unsigned>(at_);
    refuse_if((fields_ & bit) != 0, in_entry(), "key ", shown(name), " occurs twice");
    fields_ |= bit;
    return true;
  }

  bool end_object() {
    if (at_ == At::entry) {
      constexpr unsigned all = 1U << static_cast<unsigned>(At::dtype) | 1U << static_cast<unsigned>(At::shape) |
                               1U << static_cast<unsigned>(At::offsets);
      refuse_if(fields_ != all, in_entry(), "dtype, shape or data_offsets is missing");
      finish_entry();
    }
    at_ = at_ == At::root ? At::end : At::root;
    return true;
  }

  bool start_array(std::size_t) {
    if ((at_ != At::shape && at_ != At::offsets) || in_array_) unexpected("a list");
    in_array_ = true;
    return true;
  }

  bool end_array() {
    if (at_ == At::offsets)
      refuse_if(numbers_.size() != 2, in_entry(), "data_offsets has ", numbers_.size(), " numbers, expected 2");
    (at_ == At::shape ? shape_ : offsets_) = std::exchange(numbers_, {});
    in_array_ = false;
    at_ = At::entry;
    return true;
  }

  bool string(string_t& value) {
    if (at_ == At::metadata) {
      header_.metadata.emplace(std::move(metadata_key_), std::move(value));
      return true;
    }
    if (at_ != At::dtype) unexpected("a string");
    const auto dtype = dtype_from(value);
    refuse_if(!dtype, in_entry(), "dtype ", shown(value), " is not known here; known are F32, F64, BF16, I64 and U8");
    entry_.dtype = *dtype;
    at_ = At::entry;
    return true;
  }

  bool number_unsigned(number_unsigned_t value) {
    if (!in_array_) unexpected("a number");
    // Far beyond the rank that is allowed: no reason to collect more.
    refuse_if(numbers_.size() == 64, in_entry(), "has too many numbers in one list");
    numbers_.push_back(value);
    return true;
  }
  bool number_integer(number_integer_t value) {
    if (!in_array_) unexpected("a number");
    refuse(in_entry(), "sizes and offsets cannot be negative: ", value);
  }
  bool number_float(number_float_t, const string_t& digits) {
    if (!in_array_) unexpected("a number");
    refuse(in_entry(), "sizes and offsets must be whole numbers below 2^64: ", shown(digits));
  }
  bool null() { unexpected("null"); }
  bool boolean(bool) { unexpected("true or false"); }
  bool binary(binary_t&) { unexpected("binary data"); }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& error) {
    const std::string_view what = error.what();  // "[json.exception.parse_error.101] parse error at …: syntax error …"
    const std::size_t reason = what.find(": ");
    refuse("the header is no valid JSON at byte ", position + length_bytes, ": ",
           what.substr(reason == what.npos ? 0 : reason + 2));
  }

 private:
  /// Where the reader stands: before or within each of the objects, or at the value of one field.
  enum class At : unsigned char {
    start,
    root,
    metadata_start,
    metadata,
    entry_start,
    entry,
    dtype,
    shape,
    offsets,
    end
  };

  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    fail<FileError>("'", path_, "' is no safetensors file to be trusted: ", parts...);
  }
  template <class... Parts>
  void refuse_if(bool condition, const Parts&... parts) const {
    if (condition) refuse(parts...);
  }

  [[noreturn]] void unexpected(std::string_view what) const {
    if (at_ == At::metadata || at_ == At::metadata_start)
      refuse("__metadata__ must be an object of strings, got ", what);
    refuse(at_ == At::start || at_ == At::root ? std::string("the header") : in_entry(), " has ", what,
           " where the format has none; expected name: {dtype, shape, data_offsets}");
  }

  std::string in_entry() const { return "tensor " + shown(entry_.name) + ": "; }

  bool root_key(string_t& name) {
    if (name == "__metadata__") {
      refuse_if(std::exchange(has_metadata_, true), "__metadata__ occurs twice");
      at_ = At::metadata_start;
      return true;
    }
    refuse_if(!names_.insert(name).second, "tensor ", shown(name), " occurs twice");
    refuse_if(names_.size() > max_safetensors_tensors, "more than ", max_safetensors_tensors, " tensors");
    entry_ = {};
    entry_.name = std::move(name);
    fields_ = 0;
    at_ = At::entry_start;
    return true;
  }

  At field_of(const string_t& name) const {
    if (name == "dtype") return At::dtype;
    if (name == "shape") return At::shape;
    if (name == "data_offsets") return At::offsets;
    refuse(in_entry(), "unknown key ", shown(name));
  }

  /// Turns the collected numbers into a shape and a range, and compares their sizes.
  void finish_entry() {
    constexpr std::uint64_t most = Shape::max_numel;
    refuse_if(shape_.size() > Shape::max_rank, in_entry(), "has ", shape_.size(), " dimensions; at most ",
              Shape::max_rank, " are supported");
    // Zeros are left out of the first product, so that no partial product of the shape can overflow later either.
    std::uint64_t product = size_of(entry_.dtype);
    bool empty = false;
    std::array<Dim, Shape::max_rank> sizes{};
    for (std::size_t i = 0; i < shape_.size(); ++i) {
      const std::uint64_t size = shape_[i];
      refuse_if(size > most || (size != 0 && product > most / size), in_entry(), "its shape is too large to be true");
      if (size != 0) product *= size;
      empty = empty || size == 0;
      sizes[i] = static_cast<Dim>(size);
    }
    entry_.shape = Shape(std::span<const Dim>(sizes.data(), shape_.size()));
    entry_.begin = offsets_[0];
    entry_.end = offsets_[1];
    const std::uint64_t bytes = empty ? 0 : product;
    refuse_if(entry_.begin > entry_.end, in_entry(), "its data_offsets run backwards: [", entry_.begin, ", ",
              entry_.end, ")");
    refuse_if(entry_.end - entry_.begin != bytes, in_entry(), entry_.dtype, " ", entry_.shape, " takes ", bytes,
              " bytes, but its data_offsets hold ", entry_.end - entry_.begin);
    header_.tensors.push_back(std::move(entry_));
  }

  const std::string& path_;
  SafetensorsHeader header_;
  At at_ = At::start;
  bool in_array_ = false;
  bool has_metadata_ = false;
  unsigned fields_ = 0;  // those of the current entry that have been seen
  TensorEntry entry_;
  std::string metadata_key_;
  std::vector<std::uint64_t> numbers_, shape_, offsets_;
  std::unordered_set<std::string> names_;
};

/// The tensors, sorted by their bytes, must follow each other from the first byte to the last.
void check_cover(SafetensorsHeader& header, std::uint64_t data_bytes, const std::string& path) {
  std::ranges::stable_sort(header.tensors, {}, [](const TensorEntry& e) { return std::pair(e.begin, e.end); });
  std::uint64_t next = 0;
  for (const TensorEntry& entry : header.tensors) {
    check<FileError>(entry.begin == next, "'", path, "': tensor ", shown(entry.name), " begins at byte ", entry.begin,
                     " of the data, expected ", next,
                     entry.begin < next ? ": two tensors overlap" : ": there is a hole");
    next = entry.end;
  }
  check<FileError>(next == data_bytes, "'", path, "' has ", data_bytes, " bytes of tensors, its header speaks of ",
                   next, next > data_bytes ? ": the file is truncated" : ": something was appended");
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view json, std::uint64_t data_bytes, const std::string& path) {
  // What the JSON library would let pass: a byte-order mark, blanks other than the padding, and all that follows a NUL.
  const std::size_t last = json.find_last_not_of(' ');
  check<FileError>(json.starts_with('{') && json[last] == '}' && json.find('\0') == json.npos, "'", path,
                   "' is no safetensors file: at byte ", length_bytes, " a header { … } was expected");
  HeaderReader reader(path);
  nlohmann::json::sax_parse(json.begin(), json.end(), &reader);
  SafetensorsHeader header = reader.take();
  check_cover(header, data_bytes, path);
  return header;
}

SafetensorsHeader read_safetensors_header(InputFile& file) {
  const std::string& path = file.path();
  check<FileError>(file.regular(), "'", path, "' is no regular file; safetensors are not read from pipes or devices");
  check<FileError>(file.size() >= length_bytes, "'", path, "' is no safetensors file: it has only ", file.size(),
                   " bytes");
  std::uint64_t length = 0;
  static_assert(std::endian::native == std::endian::little, "numbers in the file are little-endian");
  file.read(&length, length_bytes);
  check<FileError>(length <= max_safetensors_header, "'", path,
                   "' is no safetensors file: bytes 0 to 7 claim a header of ", length, " bytes, more than the ",
                   max_safetensors_header, " allowed");
  const std::uint64_t rest = file.size() - length_bytes;
  check<FileError>(length <= rest, "'", path, "' is truncated or no safetensors file: bytes 0 to 7 claim a header of ",
                   length, " bytes, but ", rest, " follow");
  std::string json(length, ' ');
  file.read(json.data(), json.size());
  return parse_safetensors_header(json, rest - length, path);
}

SafetensorsHeader read_safetensors_header(const std::string& path) {
  InputFile file(path);
  return read_safetensors_header(file);
}

std::string safetensors_header(const StateDict& tensors, Metadata metadata) {
  metadata.try_emplace("format", "pt");
  std::string json = "{\"__metadata__\":{";
  for (const auto& [key, value] : metadata)
    json += (json.back() == '{' ? "" : ",") + json_string(key) + ":" + json_string(value);
  json += '}';
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    const std::uint64_t end = offset + static_cast<std::uint64_t>(tensor.numel()) * size_of(tensor.dtype());
    json += "," + json_string(name) + ":{\"dtype\":\"" + std::string(format_name(tensor.dtype())) + "\",\"shape\":[";
    for (int i = 0; i < tensor.rank(); ++i) json += (i ? "," : "") + std::to_string(tensor.dim(i));
    json += "],\"data_offsets\":[" + std::to_string(offset) + "," + std::to_string(end) + "]}";
    offset = end;
  }
  json += '}';
  json.resize((json.size() + 7) / 8 * 8, ' ');
  return json;
}

}  // namespace fanin
