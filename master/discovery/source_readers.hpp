// source_readers.hpp: the readers of all sources, on a thread of their own: what a registry says
// may be long, and no other loop waits until it is parsed, or is on the disk.
//
// There is no thread while there is no source. Owner: any one thread; reports come on the thread of
// the readers, and none after stop(). One that was under way when set() left its source out may
// still come.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "master/discovery/reader.hpp"
#include "master/discovery/source_spec.hpp"

namespace tandem::master {

class SourceReaders {
 public:
  // `source`: the text of its spec.
  using Report = std::function<void(const std::string& source, SourceReport report)>;

  // `directory`: where what was read is kept (lists_file.hpp); empty: nowhere.
  SourceReaders(std::string directory, Report report);
  ~SourceReaders();  // stops
  SourceReaders(const SourceReaders&) = delete;
  SourceReaders& operator=(const SourceReaders&) = delete;

  // What is read from now on, each text once; sources that were read before are read on. `known`:
  // what was read of them before. Does not wait.
  void set(std::vector<SourceSpec> specs, InstanceLists known);
  // Waits for no registry.
  void stop();

 private:
  struct Running;

  const std::string directory_;
  const Report report_;
  std::unique_ptr<Running> running_;  // null: there is no source
};

}  // namespace tandem::master
