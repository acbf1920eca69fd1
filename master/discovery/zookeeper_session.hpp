// zookeeper_session.hpp: one session with a server of ZooKeeper, as a conversation: the children of
// a node, each an instance, at once or as soon as they are others than they were.
//
// A session begins with an agreement of the servers, which the one that is asked has seen then: so
// a list is never older than its session. Watches tell that something has changed; then all of it
// is read again. Each session yields one list and is closed: none is taken up again, so none can
// expire in a way that matters.
//
// Pure. Owner: one call, which ticks it: see limits::source_tick. Always: what it keeps of what a
// server says is within the limits of sources.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/http/conversation.hpp"
#include "master/discovery/instance_list.hpp"
#include "master/discovery/jute.hpp"
#include "master/discovery/zookeeper_protocol.hpp"

namespace tandem::master {

class ZooKeeperSession final : public Conversation {
 public:
  struct Question {
    std::string path;                     // of the node
    std::string credentials{};            // USER:PASSWORD; empty: nobody in particular
    std::optional<InstanceList> known{};  // what the answer is to differ from; it is the answer
                                          // when nothing changes for a long while
  };

  explicit ZooKeeperSession(Question question) : question_(std::move(question)) {}

  void begin(const Endpoint& peer) override;
  void pull(std::string& out) override;
  void feed(std::string_view bytes) override;
  void tick() override;
  bool is_over() const override { return state_ == State::over; }

  // Nothing: there is none, or not yet.
  const std::optional<InstanceList>& answer() const { return answer_; }
  // A few words; empty: it knows of none.
  const std::string& problem() const { return problem_; }

 private:
  enum class State {
    opening,
    listing,  // the names of the children are asked for
    reading,  // and then their data
    unborn,   // the node is not there: whether it has come since
    waiting,
    closing,  // the answer is there
    over,
  };

  void take(std::string_view frame);
  void take_opening(std::string_view frame);
  void take_reply(JuteReader reader, std::int32_t error);
  void take_names(JuteReader reader, std::int32_t error);
  void take_node(JuteReader reader, std::int32_t error);
  void keep_names(std::vector<std::string_view> names);
  void ask(std::int32_t operation, const std::string& path);
  void ask_for_nodes();
  void list_anew();
  void list_if_changed();
  void settle();
  void finish(InstanceList list);
  void fail(std::string problem);
  void fail_with(std::int32_t error);
  void fail_as_strange();

  const Question question_;
  State state_ = State::opening;
  zookeeper::MessageStream heard_;
  std::string words_;  // to be sent
  std::int32_t next_request_ = 1;
  std::int32_t next_reply_ = 1;  // they come in order
  std::vector<std::string> names_;
  std::size_t asked_ = 0;       // of names_
  std::size_t read_ = 0;        // of names_
  std::size_t list_bytes_ = 0;  // that were heard for this list
  InstanceCollector collector_;
  bool changed_ = false;  // since the list was begun
  int lists_ = 0;         // since the last tick
  int ticks_ = 0;         // in all
  int state_ticks_ = 0;   // of this list, or of the end
  int silent_ticks_ = 0;  // since a ping was answered
  std::optional<InstanceList> answer_;
  std::string problem_;
};

}  // namespace tandem::master
