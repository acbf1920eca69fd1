// intrusive_list.hpp: a list whose links live in its members: adding and removing allocates
// nothing. Owner: one loop; a member is in one list at most and takes itself out when it dies.
// Not boost::intrusive::list, whose header is 40,000 lines in each source that includes it.
#pragma once

#include <cstddef>

#include "common/base/assert.hpp"

namespace tandem::master {

template <class T>
class IntrusiveList;

template <class T>
class IntrusiveListMember {
 public:
  IntrusiveListMember() = default;
  IntrusiveListMember(const IntrusiveListMember&) = delete;
  IntrusiveListMember& operator=(const IntrusiveListMember&) = delete;

 protected:
  ~IntrusiveListMember() { TANDEM_ASSERT(list_ == nullptr); }

 private:
  friend class IntrusiveList<T>;
  IntrusiveListMember* prev_ = nullptr;
  IntrusiveListMember* next_ = nullptr;
  IntrusiveList<T>* list_ = nullptr;
};

template <class T>
class IntrusiveList {
 public:
  using Member = IntrusiveListMember<T>;

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  void push_front(T& object) {
    Member& member = object;
    TANDEM_ASSERT(member.list_ == nullptr);
    member.list_ = this;
    member.next_ = head_;
    member.prev_ = nullptr;
    (head_ != nullptr ? head_->prev_ : tail_) = &member;
    head_ = &member;
    ++size_;
  }

  void remove(T& object) {
    Member& member = object;
    TANDEM_ASSERT(member.list_ == this);
    (member.prev_ != nullptr ? member.prev_->next_ : head_) = member.next_;
    (member.next_ != nullptr ? member.next_->prev_ : tail_) = member.prev_;
    member.list_ = nullptr;
    --size_;
  }

  // REQUIRES: !empty()
  T& back() { return static_cast<T&>(*tail_); }

  // `visit` may remove the member that it is given.
  template <class Visit>
  void for_each(Visit visit) {
    for (Member* member = head_; member != nullptr;) {
      Member* following = member->next_;
      visit(static_cast<T&>(*member));
      member = following;
    }
  }

 private:
  Member* head_ = nullptr;
  Member* tail_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace tandem::master
