// policy_list.hpp: the one list of the balancing policies.
//
// From it come their names, what may be said of them after a colon, the help of --balance, the rows
// of bench-balance, the cases of the tests that hold for every policy, and the factory: it calls
// make_NAME() of master/balance. So a new policy is a line here, a file there that defines that
// function, and a test of what it promises.
#pragma once

// POLICY(name, KEY, what it chooses). KEY is `keyed` for a policy that looks at a key of the
// request, which may be said: NAME:KEY; else `plain`.
#define TANDEM_POLICIES(POLICY)                                                              \
  POLICY(round_robin, plain, "workers in turn, by weight")                                   \
  POLICY(random, plain, "any worker, by weight")                                             \
  POLICY(least_connections, plain, "the worker with the fewest requests for its weight")     \
  POLICY(p2c, plain, "the better of two random ones, by latency and requests in flight")     \
  POLICY(consistent_hash, keyed, "the same worker for the same key, unless it has too much") \
  POLICY(first_available, plain, "the first worker by name that has room")
