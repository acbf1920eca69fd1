// patient_writer.hpp: writes to a pipe, a terminal or a file that a program was given, whose reader
// may be slow, or may not read at all.
//
// It waits for room as long as the program runs. Once the program ends it waits no longer than its
// patience, in all that is written from then on together: what nobody reads must not keep a program
// from ending. The descriptor may block: no more is written at once than a pipe with room takes.
//
// Owner: one thread.
#pragma once

#include <atomic>
#include <optional>
#include <string_view>

#include "common/base/time.hpp"

namespace tandem {

class PatientWriter {
 public:
  explicit PatientWriter(Duration patience) : patience_(patience) {}

  // From now on it writes there. The caller keeps it open.
  void use(int descriptor);
  // errno, EAGAIN when the patience is over, or 0 once some of `text` was written, which is taken
  // off it; or none, when another thread or process took the room: to be called again.
  // `ending`: the program ends.
  int write_some(std::string_view& text, const std::atomic<bool>& ending);
  // Writes all of it. errno, or 0; what was not written is left in `text`.
  int write(std::string_view& text, const std::atomic<bool>& ending);
  bool is_regular() const { return is_regular_; }

 private:
  bool is_over(const std::atomic<bool>& ending);

  Duration patience_;
  int descriptor_ = -1;
  bool is_regular_ = false;
  std::optional<Instant> until_;  // unset: the program has not begun to end
};

}  // namespace tandem
