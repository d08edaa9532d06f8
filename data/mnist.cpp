#include <zlib.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>

#include "core/check.h"
#include "data/format.h"

namespace fanin {
namespace {

namespace fs = std::filesystem;

struct Idx {
  std::vector<Dim> sizes;
  std::vector<std::uint8_t> bytes;
};

/// A file read plain or through gzip, told by its first bytes whatever its name.
class Reader final {
 public:
  explicit Reader(const std::string& path) : path_(path), file_(gzopen(path.c_str(), "rb"), &gzclose) {
    check<FileError>(file_ != nullptr, path, ": cannot be opened");
    gzbuffer(file_.get(), 1U << 17);
  }

  /// Reads up to `count` bytes; fewer only at the end.
  std::size_t read(std::uint8_t* to, std::size_t count) {
    const int got = gzread(file_.get(), to, static_cast<unsigned>(count));
    int code = Z_OK;
    const char* message = gzerror(file_.get(), &code);
    if (got >= 0 && code == Z_BUF_ERROR) fail<FileError>(path_, ": truncated: the compressed data ends early");
    if (got < 0 || code < 0) fail<FileError>(path_, ": damaged gzip data: ", message);
    return static_cast<std::size_t>(got);
  }

  void insist(std::uint8_t* to, std::size_t count, std::size_t offset) {
    const std::size_t got = read(to, count);
    check<FileError>(got == count, path_, ": truncated: ", count, " bytes wanted at byte ", offset, ", ", got,
                     " there");
  }

 private:
  std::string path_;
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file_;
};

/// An IDX file of bytes: 0 0 8 rank, the sizes as big-endian 32-bit numbers, the bytes.
Idx read_idx(const std::string& path, unsigned rank) {
  Reader reader(path);
  std::array<std::uint8_t, 4> word{};
  reader.insist(word.data(), 4, 0);
  check<FileError>(word[0] == 0 && word[1] == 0, path, ": not an IDX file: its first two bytes are not zero");
  check<FileError>(word[2] == 8, path, ": IDX elements of type ", int{word[2]}, "; unsigned bytes (8) are read");
  check<FileError>(word[3] == rank, path, ": an IDX file of ", int{word[3]}, " dimensions; expected ", rank);
  Idx idx;
  std::size_t total = 1;
  for (unsigned d = 0; d < rank; ++d) {
    reader.insist(word.data(), 4, 4 + 4 * d);
    const std::size_t size = std::size_t{word[0]} << 24 | word[1] << 16 | word[2] << 8 | word[3];
    check<FileError>(size > 0, path, ": an empty dimension in the header");
    check<FileError>(d == 0 || size <= 4096, path, ": images of ", size, " pixels a side are not MNIST's");
    idx.sizes.push_back(static_cast<Dim>(size));
    total *= size;
  }
  // Memory grows with what is really there: a header can claim anything.
  constexpr std::size_t chunk = std::size_t{1} << 22;
  while (idx.bytes.size() < total) {
    const std::size_t had = idx.bytes.size(), wanted = std::min(chunk, total - had);
    idx.bytes.resize(had + wanted);
    reader.insist(idx.bytes.data() + had, wanted, 4 + 4 * rank + had);
  }
  check<FileError>(reader.read(word.data(), 1) == 0, path, ": longer than the ", total, " bytes its header announces");
  return idx;
}

/// The file of this part and content under any of its usual names, or "".
std::string find(const fs::path& folder, Split part, bool labels) {
  const std::string stem = text(part == Split::train ? "train" : "t10k", labels ? "-labels" : "-images");
  for (const char* joint : {"-", "."})
    for (const char* suffix : {"", ".gz"}) {
      const fs::path path = folder / text(stem, joint, labels ? "idx1" : "idx3", "-ubyte", suffix);
      if (fs::is_regular_file(path)) return path.string();
    }
  return "";
}

std::shared_ptr<const Dataset> open(const std::string& path, Split part, const DataOptions& options) {
  const std::string image_path = find(path, part, false), label_path = find(path, part, true);
  check<FileError>(!label_path.empty(), path, ": ", image_path, " has no file of labels beside it");
  check<FileError>(!image_path.empty(), path, ": ", label_path, " has no file of images beside it");
  Idx labels = read_idx(label_path, 1);
  Idx images = read_idx(image_path, 3);
  check<FileError>(images.sizes[0] == labels.sizes[0], image_path, ": ", images.sizes[0], " images, but ",
                   labels.sizes[0], " labels in ", label_path);
  DatasetInfo info{.kind = "mnist",
                   .path = path,
                   .split = part,
                   .val_split = 0,
                   .classes = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"},
                   .channels = 1,
                   .height = options.img_size,
                   .width = options.img_size,
                   .normalisation = {{0.1307}, {0.3081}}};
  const auto wrong = std::ranges::find_if(labels.bytes, [&](std::uint8_t l) { return l >= info.classes.size(); });
  if (wrong != labels.bytes.end())
    fail<FileError>(label_path, ": byte ", 8 + (wrong - labels.bytes.begin()), ": label ", int{*wrong},
                    " is out of range: there are 10 classes");
  return std::make_shared<StoredImages>(
      std::move(info), Size2(images.sizes[1], images.sizes[2]), std::move(images.bytes), std::move(labels.bytes),
      std::vector<StoredImages::Origin>{{0, fs::path(image_path).filename().string()}});
}

bool has(const fs::path& folder, Split part) {
  return part != Split::val && (!find(folder, part, false).empty() || !find(folder, part, true).empty());
}

}  // namespace

Format mnist_format() {
  return {.recognises = [](const fs::path& folder) { return has(folder, Split::train) || has(folder, Split::test); },
          .has = has,
          .open = open};
}

}  // namespace fanin
