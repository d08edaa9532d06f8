#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/image.h"

namespace fanin {

/// Which part of the data. `val` is what is held out of the training data (--val-split), or a folder's own val/.
enum class Split : std::uint8_t { train, val, test };
std::string_view name_of(Split split);
/// "train", "val" or "test". Throws Error otherwise.
Split parse_split(std::string_view name);

/// What a pixel becomes, per channel, in f32: ((value / 255) − mean) / std, in units of 1.
struct Normalisation {
  std::vector<double> mean;
  std::vector<double> std;
};

struct DatasetInfo {
  std::string kind;  // "cifar10", "cifar100", "mnist", "folder", "shapes"
  std::string path;  // as given; "shapes" for the built-in set
  Split split = Split::train;
  double val_split = 0;              // share of the training data held out; 0 where val/ is a folder of its own
  std::vector<std::string> classes;  // their names, in the order of the labels
  Dim channels = 0;
  Dim height = 0;  // what a network gets: img_size where one was given, else the data's own size
  Dim width = 0;
  Normalisation normalisation;  // the set's published constants; for folders those of ImageNet
};

/// One split of a data set: images with labels, in a fixed order. Every function may be called from several threads.
class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual Dim size() const = 0;
  /// Image i as stored: info().channels channels, of any size. Throws FileError if its file cannot be decoded.
  virtual Image image(Dim i) const = 0;
  /// 0 … classes − 1.
  virtual Dim label(Dim i) const = 0;
  /// Where image i comes from, for messages and tables: "train/ants/a b.jpg", "data_batch_2.bin:17".
  virtual std::string source(Dim i) const = 0;
  virtual const DatasetInfo& info() const = 0;
  /// Whether image() only copies bytes; if not, the loader keeps what it returned.
  virtual bool in_memory() const { return false; }

  Dim classes() const { return static_cast<Dim>(info().classes.size()); }
  /// A number made of the order, the labels and the sources: the same data and split give the same one, so that a run
  /// can record what was held out and an evaluation can check it.
  std::uint64_t fingerprint() const;
};

struct DataOptions {
  Dim img_size = 0;      // side of the network's square input; 0: the data's own
  double val_split = 0;  // share of the training data to hold out, 0 ≤ F < 1
};

/// Opens one split of `spec`: "shapes", or a folder, whose kind is told by the files in it:
///
///   CIFAR-10    data_batch_1…5.bin and test_batch.bin, either may be absent; names from batches.meta.txt
///   CIFAR-100   train.bin and test.bin; the fine label; names from fine_label_names.txt
///   MNIST       train-images-idx3-ubyte, train-labels-idx1-ubyte, and t10k-…; plain or .gz
///   folder      train/<class>/**, val/<class>/** and test/<class>/** of JPEG, PNG or BMP files. Classes are numbered
///               by the bytes of their names; files are walked recursively, sorted by the bytes of their folder, then
///               name
///
/// What val_split holds out is ⌊F·n + ½⌋ of the training images, spread evenly over the classes, drawn by a fixed key:
/// the same for every seed as long as data and F are the same. Both parts keep the data-set order.
///
/// Throws FileError with path and reason: nothing recognised, truncated or overlong files, labels out of range, empty
/// folders or classes, splits whose classes differ, a split the data does not have; and Error for options that make no
/// sense, such as val_split beside a val/ folder.
std::shared_ptr<const Dataset> open_dataset(const std::string& spec, Split split, const DataOptions& options = {});

/// The training and validation splits together, the files read only once. `val` is null where there is none.
struct TrainVal {
  std::shared_ptr<const Dataset> train;
  std::shared_ptr<const Dataset> val;
};
TrainVal open_train_val(const std::string& spec, const DataOptions& options = {});

/// The splits `spec` has under these options. Looks at names only.
std::vector<Split> available_splits(const std::string& spec, const DataOptions& options = {});

/// Images `indices` of `whole`, in that order: to hold out, to debug on a few, to share among processes.
std::shared_ptr<const Dataset> subset(std::shared_ptr<const Dataset> whole, std::vector<Dim> indices);

}  // namespace fanin
