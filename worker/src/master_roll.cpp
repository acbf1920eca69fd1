#include "worker/src/master_roll.hpp"

#include <algorithm>
#include <utility>

#include "common/base/clock.hpp"
#include "worker/src/limits.hpp"

namespace tandem {

void MasterRoll::take(std::vector<std::string> names) {
  const Lock lock(mutex_);
  names_ = std::move(names);
  taken_.notify_all();
}

bool MasterRoll::lists(const std::string& master) const {
  return names_.empty() || std::find(names_.begin(), names_.end(), master) != names_.end();
}

bool MasterRoll::has(const std::string& master) {
  Lock lock(mutex_);
  if (lists(master)) return true;
  const auto time = now();
  if (time - asked_ >= limits::roll_asked_every) {
    asked_ = time;
    lock.unlock();  // what `ask_` calls may hold a lock under which take() is called
    ask_();
    lock.lock();
  }
  taken_.wait_for(lock.native(), limits::roll_patience,
                  [&]() TANDEM_REQUIRES(mutex_) { return lists(master); });
  return lists(master);
}

}  // namespace tandem
