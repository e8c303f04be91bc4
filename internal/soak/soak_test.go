package soak_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/gateway"
	"github.com/purerfc/purerfc/serialization"
)

const (
	userCount     = 3
	userPassword  = "soaked"
	strangerLimit = 100
	// stallLimit is how long a call waits on a silent connection.
	stallLimit = 20 * time.Millisecond
	// hangLimit ends a call that nothing else ends. It explains no error.
	hangLimit = 2 * time.Minute
)

// setting reads a number from the environment.
func setting(t *testing.T, name string, standard int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return standard
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, name)
	return n
}

// Goals G48 and G53, faults F-04, F-07, F-16, F-40 to F-44, F-50 to F-60, F-75, F-77, F-81 to F-85.
//
//nolint:paralleltest // it counts goroutines and descriptors of the process
func TestSoak(t *testing.T) {
	calls := setting(t, "SOAK_CALLS", 3000)
	rounds, workers := setting(t, "SOAK_ROUNDS", 2), setting(t, "SOAK_WORKERS", 16)
	faults := setting(t, "SOAK_FAULTS", 50)
	seed := uint64(setting(t, "SOAK_SEED", 1))
	t.Logf("SOAK_SEED=%d: %d calls in %d rounds by %d workers, a fault in %d calls", seed, calls, rounds, workers, faults)

	before := look()
	f := newField(t, calls)
	share := int32(calls / workers)
	team := make([]*worker, workers)
	for i := range team {
		team[i] = &worker{
			field: f, rnd: rand.New(rand.NewPCG(seed, uint64(i))), next: int32(i) * share, end: int32(i+1) * share, faults: faults,
		}
	}
	var samples []sight
	start := time.Now()
	for round := range rounds {
		var group sync.WaitGroup
		for _, w := range team {
			first := w.end - share
			until := first + int32(int64(share)*int64(round+1)/int64(rounds))
			group.Go(func() { w.work(until) })
		}
		group.Wait()
		s := f.rest(t, before)
		samples = append(samples, s)
		done := calls * (round + 1) / rounds
		t.Logf("%8d calls, %6.0f a second, %v; heap %.1f KiB, %d goroutines, %d descriptors",
			done, float64(done)/time.Since(start).Seconds(), time.Since(start).Round(time.Millisecond), float64(s.heap)/1024, s.goroutines, s.descriptors)
		if !f.clean(t) {
			break
		}
	}
	for _, p := range f.places {
		f.closed(p.dest)
	}
	f.clean(t)
	for _, h := range f.hosts {
		h.close()
	}
	settled(t, before)
	f.count(t)
	f.summary(t)
	if rounds >= 10 {
		checkHeap(t, samples, calls/rounds)
	}
}

// newField starts the systems.
func newField(t *testing.T, calls int) *field {
	t.Helper()
	// Numbers past the last one are never reached by calls, but by texts that lie.
	f := &field{verdicts: make([]verdict, calls+1), conversations: map[string]*link{}, ledger: new(ledger)}
	f.ledger.runs = newCounts(calls)
	f.ledger.callbacks = newCounts(calls)
	users := gateway.Users{}
	for i := range userCount {
		users[fmt.Sprint("SOAK", i)] = userPassword
	}
	for range 3 {
		f.hosts = append(f.hosts, newHost(t, f.ledger, users))
	}
	callbacks := answers(t, f.ledger)
	add := func(name string, h *host, change func(*destination.Config)) {
		cfg := h.sys.Config()
		cfg.Name, cfg.Callbacks, cfg.CallTimeout = name, callbacks, hangLimit
		host, port, _ := strings.Cut(h.road.listener.Addr().String(), ":")
		cfg.ApplicationServer, cfg.Gateway, cfg.GatewayService = host, host, port
		cfg.Pool.MaxWait = new(10 * time.Minute)
		// Between the rounds everything expires.
		cfg.Pool.Expiration, cfg.Pool.CheckPeriod = new(50*time.Millisecond), new(50*time.Millisecond)
		change(&cfg)
		road := h.road
		if host, port, _ := strings.Cut(h.web.listener.Addr().String(), ":"); cfg.WebSocket.Roots != nil {
			road = h.web
			cfg.ApplicationServer, cfg.Gateway, cfg.GatewayService, cfg.SystemNumber = "", "", "", ""
			cfg.WebSocket.Host, cfg.WebSocket.Port = host, port
		}
		d, err := destination.New(cfg)
		require.NoError(t, err)
		f.places = append(f.places, &place{name: name, host: h, road: road, cfg: cfg, dest: d})
	}
	add("CLASSIC", f.hosts[0], func(c *destination.Config) { c.Pool.Capacity = new(8) })
	add("COLUMNS", f.hosts[1], func(c *destination.Config) {
		c.Format, c.Pool.Capacity, c.Pool.PeakLimit = serialization.ColumnFast, new(2), new(16)
		c.Pool.Expiration, c.Pool.CheckPeriod = new(5*time.Millisecond), new(5*time.Millisecond)
	})
	add("BASXML", f.hosts[1], func(c *destination.Config) {
		c.Format, c.Pool.Capacity, c.Pool.PeakLimit = serialization.BasXML, new(4), new(0)
	})
	add("WEB", f.hosts[0], func(c *destination.Config) { c.WebSocket.Roots, c.Pool.Capacity = f.hosts[0].roots, new(8) })
	add("NARROW", f.hosts[2], func(c *destination.Config) { c.Pool.PeakLimit, c.Pool.CheckConnection = new(2), true })
	return f
}

// sight is what is left when all is quiet.
type sight struct {
	heap                    uint64
	goroutines, descriptors int
}

func look() sight {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return sight{heap: m.HeapAlloc, goroutines: runtime.NumGoroutine(), descriptors: descriptors()}
}

// descriptors counts the open ones; -1 where the system does not say.
func descriptors() int {
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1
	}
	return len(names)
}

// settled waits until no more goroutines and descriptors are there than before.
func settled(t *testing.T, before sight) {
	t.Helper()
	ok := func() bool { return runtime.NumGoroutine() <= before.goroutines && descriptors() <= before.descriptors }
	for limit := time.Now().Add(2 * time.Minute); !ok(); runtime.Gosched() {
		if time.Now().After(limit) {
			stacks := make([]byte, 1<<20)
			stacks = stacks[:runtime.Stack(stacks, true)]
			t.Fatalf("left behind: %+v, before %+v\n%s", look(), before, stacks)
		}
	}
}

// rest waits for the end of everything that belongs to connections: those that nobody uses
// expire. A destination at rest has no goroutine.
func (f *field) rest(t *testing.T, before sight) sight {
	t.Helper()
	// Two accept loops and their keeper for each system, one for each of its roads, and their
	// listeners.
	before.goroutines += 5 * len(f.hosts)
	before.descriptors += 4 * len(f.hosts)
	settled(t, before)
	for _, p := range f.places {
		s := p.dest.Stats()
		require.Zero(t, s.Open+s.InUse+s.Idle+s.Opening+s.Waiting, "%+v", s)
	}
	for _, h := range f.hosts {
		require.Zero(t, h.sys.Server().Stats().Open)
		h.refuse.Store(0)
		h.road.forget()
		h.web.forget()
	}
	f.forget()
	return look()
}

// forget drops what is known of conversations but those whose logon was refused in this round:
// a pool repeats their error for a second.
func (f *field) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.refused
	f.refused = map[string]*link{}
	for id, l := range f.conversations {
		if l != nil && kind(l.bad.Load()) == refused && before[id] == nil {
			f.refused[id] = l
		}
	}
	f.conversations = maps.Clone(f.refused)
}

// clean reports whether nothing was wrong so far.
func (f *field) clean(t *testing.T) bool {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, text := range f.wrong {
		t.Error(text)
	}
	f.wrong = nil
	return !t.Failed()
}

// count holds what ran against what the callers were told.
func (f *field) count(t *testing.T) {
	t.Helper()
	var seen [executed + 1]int
	for id, v := range f.verdicts[:len(f.ledger.runs)] {
		n := f.ledger.runs[id].Load()
		seen[v]++
		switch {
		case n > 1:
			t.Errorf("call %d ran %d times", id, n)
		case n == 1 && (v == notSent || v == notCalled):
			t.Errorf("call %d ran although it was not sent", id)
		case n == 0 && (v == answered || v == executed):
			t.Errorf("call %d did not run although it was answered", id)
		}
		if n := f.ledger.callbacks[id].Load(); n > 1 {
			t.Errorf("the callback of call %d ran %d times", id, n)
		}
	}
	t.Logf("%d answered, %d with an error of the function, %d unknown, %d not sent", seen[answered], seen[executed], seen[unknown], seen[notSent])
	require.Positive(t, seen[answered])
}

func (f *field) summary(t *testing.T) {
	t.Helper()
	for k := range kinds {
		t.Logf("%-24s %8d answered %7d errors asked for %6d by faults", k, f.succeeded[k].Load(), f.intended[k].Load(), f.explained[k].Load())
	}
	var total int64
	for k := cut; k <= down; k++ {
		n := int64(0)
		for _, h := range f.hosts {
			n += h.road.done[k].Load() + h.web.done[k].Load()
		}
		total += n
		t.Logf("%-24s %8d connections", kindNames[k], n)
	}
	ends := int64(0)
	for _, h := range f.hosts {
		ends += h.ends.Load()
	}
	t.Logf("%d faults met, %d systems ended", total, ends)
}

// checkHeap fails if the heap behind the rounds grows, with 95 % certainty and by more than
// a byte for each twenty calls: what a leak of some bytes for each fault comes to. The first
// rounds fill what is kept for reuse.
func checkHeap(t *testing.T, samples []sight, callsPerRound int) {
	t.Helper()
	samples = samples[len(samples)/5:]
	slope, margin := trend(samples)
	per := float64(callsPerRound)
	t.Logf("heap: %+.4f bytes a call, +/- %.4f", slope/per, margin/per)
	require.LessOrEqual(t, (slope-margin)/per, 0.05, "the heap grows: %v", samples)
}

// trend is the slope of the heap over the rounds, and half of its 95 % interval.
func trend(samples []sight) (slope, margin float64) {
	n := float64(len(samples))
	var meanX, meanY, sxx, sxy, rest float64
	for i, s := range samples {
		meanX += float64(i) / n
		meanY += float64(s.heap) / n
	}
	for i, s := range samples {
		dx := float64(i) - meanX
		sxx += dx * dx
		sxy += dx * (float64(s.heap) - meanY)
	}
	slope = sxy / sxx
	for i, s := range samples {
		d := float64(s.heap) - meanY - slope*(float64(i)-meanX)
		rest += d * d
	}
	return slope, 2.1 * math.Sqrt(rest/(n-2)/sxx) // Student's t for 16 to 30 samples
}
