// Package pool lends connections: it opens them when they are needed, keeps some while
// nobody needs them, and hands them out in the order in which they were asked for.
//
// Layer: around calls. It carries no bytes and has no wire document; its rules are those of
// spec 30.8. It knows neither destinations nor their properties: a Config is plain Go, and
// what it pools only has to be a Resource, as *rfc.Conn is.
//
// # Use
//
//	p, err := pool.New(pool.Config[*rfc.Conn]{Open: dial, Capacity: 5, Peak: 20, MaxWait: 30 * time.Second})
//	lease, err := p.Acquire(ctx)
//	defer lease.Release()
//	conn, err := lease.Value()
//
// A Lease is a value. Each lending has a number of its own, so that a second Release, or a
// Value behind a Release, is an error and touches nobody else's connection, in whatever
// order goroutines do it. Release keeps what is in order and closes the rest: nobody has to
// say that a call failed. Close drains.
//
// # What the pool promises
//
//   - At most Peak connections exist, at most Capacity of them idle. Nothing is opened in
//     advance. The connection returned last is lent first, so that surplus ones age out.
//   - At the limit callers queue, first in, first out. A returned connection goes to the head
//     of the queue, past everybody who comes later; so does the room of a closed one.
//   - Every connection is looked at before it is lent, without waiting (Resource.Idle), and
//     if asked for by a round trip (Config.Ping). One that is found dead is replaced unseen.
//   - No way out of Open, of a check or of a context takes room away for good: a failure, a
//     panic, nil in place of a connection, a caller who has left.
//   - The end of a caller's context ends his waiting at once, not the opening that he
//     caused: its connection serves the next one. Otherwise a system that takes longer to
//     log on to than anybody waits would never be reached.
//   - While opening fails, attempts are single and spaced by a growing, random pause; behind
//     a failure or lost connections they gain speed step by step. A refusal (Config.Refused)
//     is not repeated for a second, and its caller's partition alone has to do with it.
//   - An idle connection has no goroutine, no timer and no buffer here, and an idle pool no
//     goroutine either. Time is monotonic time only.
//
// # Partitions
//
// Connections that belong to different users must not be mixed, but they share the limits.
// Config.Partition names the partition of a context. At the limit the connection that was
// idle longest makes room for one of another partition, and the order of the queue still
// holds.
//
// # Structure
//
// puddle owns the life of connections: it counts them, runs Open apart from the caller's
// context, runs the destructor, which only cuts the socket, and frees the place behind it.
// Lending does not pass through it: each of its connections stays acquired from opening to
// end, so that who lends and returns pays for one lock. That is what makes this pool as
// fast as the one it stands on.
//
// There is one lock, Pool.mu. Nothing that belongs to others runs under it, no Open, check,
// Close, reset or hook, but Config.Random. Whatever has to be done without it is collected and done by unlock.
package pool
