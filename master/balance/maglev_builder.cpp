#include "master/balance/maglev_builder.hpp"

#include <pthread.h>

#include <algorithm>

namespace tandem::master {

std::shared_ptr<const MaglevTable> MaglevSlot::table() const {
  const Lock lock(mutex_);
  return table_;
}

MaglevBuilder::MaglevBuilder() : thread_([this] { run(); }) {
  pthread_setname_np(thread_.native_handle(), "maglev");
}

MaglevBuilder::~MaglevBuilder() {
  {
    const Lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::shared_ptr<MaglevSlot> MaglevBuilder::slot(const std::string& service) {
  const Lock lock(mutex_);
  if (slots_.size() >= slots_reviewed_at_) {
    std::erase_if(slots_, [](const auto& each) { return each.second.expired(); });
    slots_reviewed_at_ = std::max<std::size_t>(64, 2 * slots_.size());
  }
  auto& kept = slots_[service];
  auto slot = kept.lock();
  if (!slot) kept = slot = std::make_shared<MaglevSlot>();
  return slot;
}

void MaglevBuilder::want(const std::shared_ptr<MaglevSlot>& slot,
                         std::vector<MaglevMember> members) {
  TANDEM_ASSERT(!members.empty());
  {
    const Lock lock(slot->mutex_);
    if (slot->wanted_ == members) return;
    slot->wanted_ = std::move(members);
    if (slot->queued_) return;
    slot->queued_ = true;
  }
  {
    const Lock lock(mutex_);
    queue_.push_back(slot);
  }
  changed_.notify_all();
}

void MaglevBuilder::run() {
  Lock lock(mutex_);
  for (;;) {
    changed_.wait(lock.native(),
                  [this]() TANDEM_REQUIRES(mutex_) { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    const auto slot = queue_.front();
    queue_.erase(queue_.begin());
    building_ = true;
    lock.unlock();
    build(*slot);
    lock.lock();
    building_ = false;
    changed_.notify_all();
  }
}

void MaglevBuilder::finish() {
  Lock lock(mutex_);
  changed_.wait(lock.native(),
                [this]() TANDEM_REQUIRES(mutex_) { return queue_.empty() && !building_; });
}

void MaglevBuilder::build(MaglevSlot& slot) {
  std::vector<MaglevMember> members;
  {
    const Lock lock(slot.mutex_);
    slot.queued_ = false;  // a request from now on needs another table
    members = slot.wanted_;
  }
  auto table = std::make_shared<const MaglevTable>(std::move(members));
  const Lock lock(slot.mutex_);
  slot.table_ = std::move(table);
  slot.version_.fetch_add(1, std::memory_order_release);
}

}  // namespace tandem::master
