package scale_test

import (
	"cmp"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
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

// sizes are the bytes of the measured call and its answer.
func sizes(t *testing.T) (request, answer int64) {
	t.Helper()
	conn, err := rfctest.NewSystem(t).Connect(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	var sent, received int64
	for range 2 {
		request, answer = -sent, -received
		_, err := rfc.Call[echoOut](t.Context(), conn, "STFC_CONNECTION", echoIn{"saprfc_capture_test"})
		require.NoError(t, err)
		sent, received, _ = conn.Traffic()
		request, answer = request+sent, answer+received
	}
	return request, answer
}

func median[T cmp.Ordered](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}

// Goals G35 to G38: connections of one process to systems in others, against plain sockets.
//
//nolint:paralleltest // it measures
func TestManyConnections(t *testing.T) {
	const shortForm = 300
	n, hosts := setting(t, "SCALE_CONNECTIONS", shortForm), setting(t, "SCALE_HOSTS", 3)
	pairs, seconds := setting(t, "SCALE_PAIRS", 1), setting(t, "SCALE_SECONDS", 0)
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	if most := int(min(limit.Max, 1<<20)) - 500; n > most { // Go itself raises the soft limit
		t.Logf("%d connections are more than this process may have (ulimit -n): %d", n, most)
		n = most
	}
	n /= hosts

	request, answer := sizes(t)
	var systems []*process
	var systemAt, echoAt []string
	listen := func(p *process, format string, args ...any) string {
		var address string
		p.ask(&address, format, args...)
		return address
	}
	for range hosts {
		s := start(t, "system")
		systems, systemAt = append(systems, s), append(systemAt, listen(s, "listen"))
		echoAt = append(echoAt, listen(start(t, "echo"), "listen %d %d", request, answer))
	}
	client, plain := start(t, "pool"), start(t, "plain")
	hostBefore, clientBefore := systems[0].usage(), client.usage()
	var opened, openedPlain time.Duration
	client.ask(&opened, "open %d %s", n, strings.Join(systemAt, " "))
	plain.ask(&openedPlain, "open %d %d %d %s", n, request, answer, strings.Join(echoAt, " "))
	var count int
	client.ask(&count, "count")
	require.Equal(t, n*hosts, count)
	for _, s := range systems {
		s.ask(&count, "open")
		require.Equal(t, n, count)
	}
	t.Logf("G37 %d connections to %d systems: open and logged on after %.2f s (goal 3), plain sockets %.2f s",
		n*hosts, hosts, opened.Seconds(), openedPlain.Seconds())
	host, idle := systems[0].usage(), client.usage()
	t.Logf("G37 the client has %.1f MiB resident (goal 64; plain sockets %.1f), %.1f MiB before", mib(idle.Resident), mib(plain.usage().Resident), mib(clientBefore.Resident))
	each := (host.Heap + host.Stacks - hostBefore.Heap - hostBefore.Stacks) / int64(n)
	t.Logf("G36 an idle session costs its system %d bytes of heap and stack (goal 5120), %d goroutines", each, (host.Goroutines-hostBefore.Goroutines)/n)
	each = (idle.Heap + idle.Stacks - clientBefore.Heap - clientBefore.Stacks) / int64(n*hosts)
	t.Logf("G35 an idle connection costs the client %d bytes of heap and stack, %d goroutines in all", each, idle.Goroutines-clientBefore.Goroutines)
	require.LessOrEqual(t, idle.Goroutines-clientBefore.Goroutines, 3, "idle connections have no goroutines")
	require.LessOrEqual(t, host.Goroutines-hostBefore.Goroutines, n+3, "a session has one goroutine")

	for _, workers := range []int{64, n * hosts} {
		measure := func(p *process) (r result) {
			limit := 0
			if seconds == 0 {
				limit = 2000
			}
			p.ask(&r, "run %d %d %d", workers, seconds*1000, limit)
			require.Positive(t, r.Calls)
			return r
		}
		var rates, tails []float64
		for range pairs {
			a, b, c, d := measure(client), measure(plain), measure(plain), measure(client)
			t.Logf("%5d workers: %6.0f calls a second, p50 %v p99 %v; plain %6.0f, p50 %v p99 %v", workers,
				a.rate(), a.P50, a.P99, b.rate(), b.P50, b.P99)
			rates = append(rates, (a.rate()+d.rate())/(b.rate()+c.rate()))
			tails = append(tails, float64(a.P99+d.P99)/float64(b.P99+c.P99))
		}
		t.Logf("G37 %d workers: %.2f of the plain rate (goal 0.6), p99 %.2f times as long (goal 2); medians of %d pairs", workers, median(rates), median(tails), pairs)
		t.Logf("G37 behind that the client has %.1f MiB resident (plain sockets %.1f)", mib(client.usage().Resident), mib(plain.usage().Resident))
	}

	if seconds > 0 {
		rest := time.Duration(seconds) * 5 * time.Second
		mine, theirs := client.cpu(), systems[0].cpu()
		<-time.After(rest)
		mine, theirs = client.cpu()-mine, systems[0].cpu()-theirs
		t.Logf("G38 at rest for %v, with a check each %v, the client takes %.3f %% of a processor (goal 0.5), a system %.3f %%",
			rest, checkPeriod, 100*mine.Seconds()/rest.Seconds(), 100*theirs.Seconds()/rest.Seconds())
	}
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }
