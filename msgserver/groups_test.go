package msgserver_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/internal/netfault"
	"github.com/purerfc/purerfc/msgserver"
)

// world is a system with message servers ms1, ms2 ... and application servers, any of which
// may be dead.
type world struct {
	mu     sync.Mutex
	srv    msgserver.Server
	dead   map[string]error // message servers and application servers
	asked  []string
	dialed []string
	events []msgserver.Event
}

func newWorld(t *testing.T, servers int) *world {
	t.Helper()
	w := &world{dead: map[string]error{}}
	require.NoError(t, w.srv.Set(landscape(servers)))
	return w
}

// errHang swallows a connection until its context ends.
var errHang = errors.New("hang")

func (w *world) kill(names ...string) {
	for _, n := range names {
		w.dead[n] = errors.New(n + " is dead")
	}
}

func (w *world) trouble(ctx context.Context, name string) error {
	w.mu.Lock()
	err := w.dead[name]
	w.mu.Unlock()
	if errors.Is(err, errHang) {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (w *world) query(t *testing.T, servers ...string) msgserver.Query {
	t.Helper()
	client := msgserver.Client{Dial: func(ctx context.Context, _, address string) (net.Conn, error) {
		w.mu.Lock()
		w.asked = append(w.asked, address)
		w.mu.Unlock()
		if err := w.trouble(ctx, address); err != nil {
			return nil, err
		}
		near, far := netfault.Pipe()
		go w.srv.ServeConn(far)
		return near, nil
	}}
	return msgserver.Query{Servers: servers, Ask: client.Group, Dial: func(ctx context.Context, target msgserver.Target) (net.Conn, error) {
		w.mu.Lock()
		w.dialed = append(w.dialed, target.Host)
		w.mu.Unlock()
		if err := w.trouble(ctx, target.Host); err != nil {
			return nil, err
		}
		near, far := netfault.Pipe()
		_ = far.Close()
		return near, nil
	}}
}

func (w *world) groups() *msgserver.Groups {
	return &msgserver.Groups{Jitter: func() float64 { return 0.5 }, Event: func(e msgserver.Event) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.events = append(w.events, e)
	}}
}

// take gives what happened since the last time.
func (w *world) take() (asked, dialed []string, events []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		events = append(events, e.Kind.String())
	}
	asked, dialed = w.asked, w.dialed
	w.asked, w.dialed, w.events = nil, nil, nil
	return asked, dialed, events
}

func TestGroupsLeaveTheBalancingToTheMessageServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		g, q := w.groups(), w.query(t, "ms1")
		for i := range 6 {
			nc, pick, err := g.Dial(t.Context(), q)
			require.NoError(t, err)
			require.NoError(t, nc.Close())
			require.Equal(t, msgserver.Pick{Target: pick.Target, Server: "ms1", Asked: 1}, pick)
			require.Equal(t, fmt.Sprintf("app%d.example", i%3), pick.Target.Host)
		}
		asked, dialed, events := w.take()
		require.Len(t, asked, 6)
		require.Len(t, dialed, 6)
		require.Empty(t, events)
		require.Len(t, g.Members([]string{"ms1"}, ""), 3)
		require.Nil(t, g.Members([]string{"ms1"}, "OTHER"))
	})
}

// Answers that are young enough cost no question: +0 round trips.
func TestGroupsReuseYoungAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		g, q := w.groups(), w.query(t, "ms1")
		g.MaxAge = time.Minute
		first := map[string]bool{}
		nc, pick, err := g.Dial(t.Context(), q)
		require.NoError(t, err)
		require.NoError(t, nc.Close())
		require.Equal(t, []any{1, time.Duration(0)}, []any{pick.Asked, pick.Age})
		first[pick.Target.Host] = true
		sleep(30 * time.Second)
		for range 5 {
			_, pick, err = g.Dial(t.Context(), q)
			require.NoError(t, err)
			require.Equal(t, []any{0, 30 * time.Second, false}, []any{pick.Asked, pick.Age, pick.Stale})
			require.True(t, first[pick.Target.Host])
		}
		asked, _, _ := w.take()
		require.Len(t, asked, 1)
		sleep(30 * time.Second) // now it is too old
		_, pick, err = g.Dial(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, []any{1, time.Duration(0)}, []any{pick.Asked, pick.Age})
		require.Equal(t, "app1.example", pick.Target.Host)
		// A young answer that is dead leads to another question.
		w.kill("app1.example")
		_, pick, err = g.Dial(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, "app2.example", pick.Target.Host)
		require.Len(t, pick.Failed, 1)
		// The next ones take turns among the young ones.
		hosts := map[string]int{}
		g.MaxAge = time.Hour
		for range 4 {
			_, pick, err = g.Dial(t.Context(), q)
			require.NoError(t, err)
			hosts[pick.Target.Host]++
		}
		require.Equal(t, map[string]int{"app0.example": 2, "app2.example": 2}, hosts)
	})
}

func sleep(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
}

// F-20: a dead server costs an attempt, then it is avoided, longer each time.
func TestF20DeadServers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		g, q := w.groups(), w.query(t, "ms1")
		w.kill("app0.example")
		_, pick, err := g.Dial(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, "app1.example", pick.Target.Host)
		require.Equal(t, "app0.example", pick.Failed[0].Target.Host)
		require.EqualError(t, pick.Failed[0].Err, "app0.example is dead")
		require.Equal(t, 2, pick.Asked)
		require.Equal(t, msgserver.TargetFailed, w.events[0].Kind)
		require.Equal(t, time.Now().Add(time.Second), w.events[0].Until)
		_, _, events := w.take()
		require.Equal(t, []string{"application server failed"}, events)
		require.Equal(t, time.Second, g.Members([]string{"ms1"}, "PUBLIC")[0].Avoided)
		// While it is avoided, nobody tries it although the message server names it.
		for range 6 {
			_, pick, err := g.Dial(t.Context(), q)
			require.NoError(t, err)
			require.Empty(t, pick.Failed)
		}
		_, dialed, _ := w.take()
		require.NotContains(t, dialed, "app0.example")
		// Each failure doubles the time, up to a minute; a success ends it.
		one := q
		one.Group = "ONE"
		for i, want := range []time.Duration{2, 4, 8, 16, 32, 60, 60} {
			sleep(2 * time.Minute)
			_, _, err := g.Dial(t.Context(), one)
			require.EqualError(t, err, "app0.example is dead", i)
			require.Equal(t, want*time.Second, g.Members([]string{"ms1"}, "ONE")[0].Avoided, i)
		}
		delete(w.dead, "app0.example")
		sleep(time.Second)
		_, pick, err = g.Dial(t.Context(), one)
		require.NoError(t, err, "a group whose only server is avoided tries it")
		require.Equal(t, 2, pick.Asked)
		require.Zero(t, g.Members([]string{"ms1"}, "ONE")[0].Avoided)
		w.take()
		w.kill("app0.example", "app1.example", "app2.example")
		_, pick, err = g.Dial(t.Context(), q)
		require.ErrorContains(t, err, "app0.example is dead")
		require.ErrorContains(t, err, "app1.example is dead")
		require.ErrorContains(t, err, "app2.example is dead")
		require.Len(t, pick.Failed, 3)
		_, dialed, _ = w.take()
		require.Len(t, dialed, 3, "each server is tried once")
	})
}

// F-119: while all servers are avoided, one caller tries each once a second at most; the others
// learn at once that there is none.
func TestF119AllServersAvoided(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		g, q := w.groups(), w.query(t, "ms1")
		w.kill("app0.example", "app1.example", "app2.example")
		_, _, err := g.Dial(t.Context(), q)
		require.ErrorContains(t, err, "is dead")
		w.take()
		callers := func(n int) (dialed []string) {
			start := time.Now()
			var group sync.WaitGroup
			for range n {
				group.Go(func() {
					_, _, err := g.Dial(t.Context(), q)
					if err == nil {
						return
					}
					e, ok := errors.AsType[*msgserver.Error](err)
					if ok && e.Kind() != "communication" {
						t.Errorf("kind %s: %v", e.Kind(), err)
					}
				})
			}
			group.Wait()
			require.Zero(t, time.Since(start), "nobody waits")
			_, dialed, _ = w.take()
			return dialed
		}
		require.Empty(t, callers(20))
		_, _, err = g.Dial(t.Context(), q)
		require.ErrorContains(t, err, "none of its servers was reached a moment ago")
		require.ErrorContains(t, err, "app1.example:3301")
		for range 5 {
			sleep(time.Second)
			dialed := callers(20)
			slices.Sort(dialed)
			require.Equal(t, slices.Compact(slices.Clone(dialed)), dialed, "each once")
			require.NotEmpty(t, dialed)
		}
		sleep(time.Second)
		delete(w.dead, "app1.example")
		_, pick, err := g.Dial(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, "app1.example", pick.Target.Host)
		_, _, err = g.Dial(t.Context(), q)
		require.NoError(t, err, "who answers is avoided no more")
	})
}

// F-20: a server that swallows connections leaves time for the next one.
func TestF20SwallowedConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		g, q := w.groups(), w.query(t, "ms1")
		w.dead["app0.example"], w.dead["app1.example"] = errHang, errHang
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		start := time.Now()
		_, pick, err := g.Dial(ctx, q)
		require.NoError(t, err)
		require.Equal(t, "app2.example", pick.Target.Host)
		require.Equal(t, 15*time.Second+7500*time.Millisecond, time.Since(start))
		// The end of the caller's own context ends the search, and quarantines nobody more.
		w.dead["app2.example"] = errHang
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		w.take()
		_, _, err = g.Dial(ctx, q)
		require.ErrorIs(t, err, context.Canceled)
		_, dialed, events := w.take()
		require.Len(t, dialed, 1)
		require.Empty(t, events)
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		_, _, err = g.Dial(ctx, q)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(start), "less than the least attempt is all there is")
	})
}

// Several message servers: one that does not answer is asked last for a while.
func TestSeveralMessageServers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		g, q := w.groups(), w.query(t, "ms1", "ms2")
		w.kill("ms1")
		_, pick, err := g.Dial(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, "ms2", pick.Server)
		asked, _, events := w.take()
		require.Equal(t, []string{"ms1", "ms2"}, asked)
		require.Equal(t, []string{"message server failed"}, events)
		_, _, err = g.Dial(t.Context(), q)
		require.NoError(t, err)
		asked, _, _ = w.take()
		require.Equal(t, []string{"ms2"}, asked)
		delete(w.dead, "ms1")
		sleep(time.Second)
		_, pick, err = g.Dial(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, "ms1", pick.Server)
		w.dead["ms1"] = errHang
		w.take()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		start := time.Now()
		_, pick, err = g.Dial(ctx, q)
		require.NoError(t, err)
		require.Equal(t, []any{"ms2", 10 * time.Second}, []any{pick.Server, time.Since(start)})
	})
}

// F-17 and F-18: without a message server what was named before serves, for a while.
func TestF17OldAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		g, q := w.groups(), w.query(t, "ms1", "ms2")
		w.kill("ms1", "ms2")
		_, _, err := g.Dial(t.Context(), q)
		failure(t, err, "communication", "ms1 is dead", "ms2 is dead")
		w.dead = map[string]error{}
		for range 2 {
			_, _, err = g.Dial(t.Context(), q)
			require.NoError(t, err)
		}
		w.kill("ms1", "ms2")
		w.take()
		sleep(30 * time.Minute)
		hosts := map[string]bool{}
		for range 2 {
			_, pick, err := g.Dial(t.Context(), q)
			require.NoError(t, err)
			require.Equal(t, []any{true, 0, 30 * time.Minute}, []any{pick.Stale, pick.Asked, pick.Age})
			hosts[pick.Target.Host] = true
		}
		require.Len(t, hosts, 2)
		last := w.events[len(w.events)-1]
		require.Equal(t, msgserver.StaleUsed, last.Kind)
		require.Equal(t, 30*time.Minute, last.Age)
		require.ErrorContains(t, last.Err, "ms1 is dead")
		_, _, events := w.take()
		require.Equal(t, []string{"message server failed", "message server failed", "old answer used", "message server failed", "message server failed", "old answer used"}, events)
		// A dead one among them is passed over.
		w.kill("app0.example")
		for range 2 {
			_, pick, err := g.Dial(t.Context(), q)
			require.NoError(t, err)
			require.Equal(t, "app1.example", pick.Target.Host)
		}
		sleep(30 * time.Minute)
		_, _, err = g.Dial(t.Context(), q)
		failure(t, err, "communication", "ms1 is dead")
		g.StaleFor = -1
		w.dead = map[string]error{}
		_, _, err = g.Dial(t.Context(), q)
		require.NoError(t, err)
		w.kill("ms1", "ms2")
		_, _, err = g.Dial(t.Context(), q)
		failure(t, err, "communication", "ms1 is dead")
	})
}

// F-19: a group without a server is no reason to ask the next message server.
func TestF19GroupWithoutServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		g, q := w.groups(), w.query(t, "ms1", "ms2")
		for _, group := range []string{"UNKNOWN", "NONE", "public"} {
			q.Group = group
			_, pick, err := g.Dial(t.Context(), q)
			failure(t, err, "configuration", fmt.Sprintf("logon group %q has no server", group))
			require.Equal(t, 1, pick.Asked)
			asked, _, events := w.take()
			require.Equal(t, []string{"ms1"}, asked)
			require.Empty(t, events)
		}
		// A group that loses its servers: what was named before does not serve.
		q.Group = "ONE"
		_, _, err := g.Dial(t.Context(), q)
		require.NoError(t, err)
		l := landscape(1)
		l.Instances[0].Status = msgserver.Shutdown
		require.NoError(t, w.srv.Set(l))
		_, _, err = g.Dial(t.Context(), q)
		failure(t, err, "configuration", "has no server")
		_, _, err = g.Dial(t.Context(), msgserver.Query{})
		failure(t, err, "configuration", "no message server is named")
	})
}

// Random failures: a connection comes about whenever a message server, or an old answer,
// leads to a live server; nobody is tried twice; and memory stays bounded.
func TestRandomOutages(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			w := newWorld(t, 4)
			g, q := w.groups(), w.query(t, "ms1", "ms2")
			if r.IntN(2) == 0 {
				g.MaxAge = time.Minute
			}
			for range 50 {
				w.dead = map[string]error{}
				for _, n := range []string{"ms1", "ms2", "app0.example", "app1.example", "app2.example", "app3.example"} {
					if r.IntN(3) == 0 {
						w.kill(n)
					}
				}
				w.take()
				nc, pick, err := g.Dial(t.Context(), q)
				asked, dialed, _ := w.take()
				seen := map[string]bool{}
				for _, d := range dialed {
					require.False(t, seen[d], "%s twice", d)
					seen[d] = true
				}
				require.LessOrEqual(t, len(asked), 10)
				alive := 0
				for i := range 4 {
					if w.dead[fmt.Sprintf("app%d.example", i)] == nil {
						alive++
					}
				}
				if err == nil {
					require.NoError(t, nc.Close())
					require.NoError(t, w.dead[pick.Target.Host])
				} else if alive >= 2 && w.dead["ms1"] == nil && w.dead["ms2"] == nil {
					t.Fatalf("seed %d: %d servers live, asked %v, dialed %v: %v", seed, alive, asked, dialed, err)
				}
				sleep(time.Duration(1+r.IntN(60)) * time.Second) // less and who was tried a moment ago rests
			}
			require.LessOrEqual(t, len(g.Members([]string{"ms1", "ms2"}, "")), 4)
		})
	}
}

// Many users of one Groups at a time.
func TestGroupsTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.kill("app1.example")
		var failed atomic.Int64
		g, q := w.groups(), w.query(t, "ms1")
		g.Event, g.Jitter = nil, nil
		g.MaxAge = time.Minute
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() {
				for range 5 {
					if _, pick, err := g.Dial(t.Context(), q); err != nil || pick.Target.Host == "app1.example" {
						failed.Add(1)
					}
				}
			})
		}
		group.Wait()
		require.Zero(t, failed.Load())
	})
}

// What is remembered is bounded, whatever message servers say.
func TestGroupsForget(t *testing.T) {
	t.Parallel()
	var g msgserver.Groups
	n := 0
	q := msgserver.Query{
		Servers: []string{"ms"},
		Ask: func(context.Context, string, string) (msgserver.Target, error) {
			n++
			return msgserver.Target{Host: fmt.Sprintf("app%d", n), Port: 3300}, nil
		},
		Dial: func(context.Context, msgserver.Target) (net.Conn, error) { return nil, errors.New("dead") },
	}
	for range 400 {
		_, pick, err := g.Dial(t.Context(), q)
		require.Error(t, err)
		require.LessOrEqual(t, len(pick.Failed), 16)
	}
	require.Len(t, g.Members(q.Servers, ""), 256)
	for i := range 300 {
		q.Group = fmt.Sprint("G", i)
		q.Dial = func(context.Context, msgserver.Target) (net.Conn, error) {
			return netfault.New(nil, netfault.Faults{}), nil
		}
		_, _, err := g.Dial(t.Context(), q)
		require.NoError(t, err)
	}
	known := 0
	for i := range 300 {
		known += len(g.Members(q.Servers, fmt.Sprint("G", i)))
	}
	require.LessOrEqual(t, known, 256)
}
