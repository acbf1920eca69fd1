#include "common/cluster/acknowledged.hpp"

#include "common/wire/limits.hpp"

namespace tandem::cluster {

LogIndex Acknowledged::denied_by(const core::Message& message, Term term, LogIndex known,
                                 Instant now) {
  const auto* reply = std::get_if<core::AppendReply>(&message.body);
  if (reply == nullptr || message.term != term) return {};
  if (term_ != term) words_.clear();
  term_ = term;
  const auto found = words_.find(message.from);
  if (reply->accepted) {
    if (found == words_.end() && words_.size() >= limits::known_nodes_max) return {};
    auto& word = words_[message.from];
    if (reply->match > word.durable) word = {reply->match, now};
    return {};
  }
  if (found == words_.end()) return {};
  if (known < found->second.durable) {
    words_.erase(found);
    return {};
  }
  const auto& word = found->second;
  const bool lacks_it = reply->rejected.value() > 0 && reply->rejected <= word.durable;
  return lacks_it && reply->sent > word.came ? reply->rejected : LogIndex();
}

}  // namespace tandem::cluster
