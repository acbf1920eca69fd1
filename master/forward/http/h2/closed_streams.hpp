// closed_streams.hpp: how the streams ended that a peer opened most lately.
//
// nghttp2 forgets a stream that has ended, for they would cost each connection 20 KiB. What a frame
// on such a stream means depends on how it ended (RFC 9113 §5.1): after our reset it may have been
// on its way; after the peer's own end it is an error, and after the peer's reset one of the stream
// alone. Of streams further back nothing is known, and frames on them are let pass, at a cost. So
// the latest ending of a stream is the only one that is remembered of it: what was forgotten must
// not leave an earlier one behind. Pure. Owner: a Session.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "master/forward/http/h2/error_code.hpp"

namespace tandem::master::h2 {

class ClosedStreams {
 public:
  enum class Ending : std::uint8_t {
    unknown,
    ended,  // both sides have sent all
    reset_by_peer,
    reset_by_us,
  };

  void add(StreamId id, Ending ending) {
    if (ending == Ending::ended) ended_.add(id);
    if (ending == Ending::reset_by_peer) reset_by_peer_.add(id);
    if (ending == Ending::reset_by_us) reset_by_us_.add(id);
  }
  Ending find(StreamId id) const {
    if (reset_by_us_.has(id)) return Ending::reset_by_us;
    if (reset_by_peer_.has(id) || excused_.has(id)) return Ending::reset_by_peer;
    return ended_.has(id) ? Ending::ended : Ending::unknown;
  }
  // The peer resets a stream. One that had ended already counts as reset by it from now on.
  void note_reset_by_peer(StreamId id) {
    if (find(id) != Ending::ended) return;
    ended_.forget(id);
    add(id, Ending::reset_by_peer);
  }
  // True once for each stream that the peer has reset: for one frame that it sent on it all the
  // same.
  bool excuse(StreamId id) {
    if (excused_.has(id)) return false;
    excused_.add(id);
    return true;
  }

 private:
  template <std::size_t n>
  struct Latest {
    void add(StreamId id) {
      ids[next] = id;
      next = static_cast<std::uint8_t>((next + 1) % n);
    }
    void forget(StreamId id) { std::replace(ids.begin(), ids.end(), id, StreamId{0}); }
    bool has(StreamId id) const { return std::find(ids.begin(), ids.end(), id) != ids.end(); }

    std::array<StreamId, n> ids{};
    std::uint8_t next = 0;
  };

  Latest<8> ended_;
  Latest<8> reset_by_peer_;
  Latest<8> excused_;
  Latest<32> reset_by_us_;  // on which honest peers may have sent more for a round trip
};

}  // namespace tandem::master::h2
