package destination_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/rfc"
	"github.com/purerfc/purerfc/rfctest"
)

// source is a provider that counts.
type source struct {
	destination.Memory
	loads atomic.Int64
}

func (s *source) Load(ctx context.Context, name string) (destination.Properties, error) {
	s.loads.Add(1)
	return s.Memory.Load(ctx, name)
}

// settingsOf are those of a built-in system, with others over them.
func settingsOf(sys *rfctest.System, more ...string) destination.Properties {
	cfg := sys.Config()
	p := cfg.Properties()
	for i := 0; i < len(more); i += 2 {
		p.Set(more[i], more[i+1])
	}
	return p
}

// opened is a catalog over a memory of destinations. What becomes of changes is told.
func opened(t testing.TB) (*source, *destination.Catalog, chan destination.Event) {
	t.Helper()
	s := new(source)
	told := make(chan destination.Event, 16)
	c := &destination.Catalog{Provider: s, Event: func(e destination.Event) { told <- e }}
	t.Cleanup(func() { require.NoError(t, c.Close(context.Background())) })
	return s, c, told
}

// next waits for an event of a kind.
func next(t testing.TB, told <-chan destination.Event, kind destination.EventKind) destination.Event {
	t.Helper()
	select {
	case e := <-told:
		require.Equal(t, kind, e.Kind, "%v", e)
		return e
	case <-t.Context().Done():
		t.Fatal("nobody told")
		return destination.Event{}
	}
}

// whose calls and says which system answered.
func whose(ctx context.Context, c rfc.Caller) (string, error) {
	res, err := c.Call(ctx, "RFC_SYSTEM_INFO", nil)
	if err != nil {
		return "", err
	}
	var out struct {
		Info struct {
			ID string `rfc:"RFCSYSID"`
		} `rfc:"RFCSI_EXPORT"`
	}
	return out.Info.ID, errors.Join(res.Scan(&out))
}

func requireSystem(t testing.TB, id string, c rfc.Caller) {
	t.Helper()
	got, err := whose(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, id, got)
}

func TestOpenReadsNothingUntilItIsUsed(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	s, c, _ := opened(t)
	require.NoError(t, s.Set("A4H", settingsOf(sys)))
	d, err := c.Open("A4H")
	require.NoError(t, err)
	require.Zero(t, s.loads.Load())
	require.Equal(t, `destination "A4H"`, fmt.Sprint(d))
	require.Zero(t, d.Stats())
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			again, err := c.Open("A4H")
			if err != nil || again != d {
				t.Error("another destination", err)
			}
			if _, err := again.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	require.EqualValues(t, 1, s.loads.Load(), "the settings are read once")
	require.Equal(t, `destination "A4H" as DEVELOPER`, fmt.Sprint(d))
	require.Equal(t, `destination "A4H" as ALICE`, fmt.Sprint(d.With(destination.User{Name: "ALICE"})))
	require.Equal(t, "A4H", d.Name())
}

func TestOpenOfWhatThereIsNot(t *testing.T) {
	t.Parallel()
	s, c, _ := opened(t)
	_, err := c.Open("A 4 H")
	require.ErrorIs(t, err, rfc.ErrConfig)
	require.ErrorContains(t, err, "only letters, digits, _ and -")
	d, err := c.Open("A4X")
	require.NoError(t, err, "nobody was asked yet")
	require.NoError(t, s.Set("A4H", destination.NewProperties(map[string]string{"ASHOST": "h"})))
	_, err = d.Call(t.Context(), "STFC_CONNECTION", nil)
	require.ErrorIs(t, err, destination.ErrUnknown)
	require.ErrorContains(t, err, "Destination A4X does not exist in the program; did you mean A4H?")
	var e *rfc.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "STFC_CONNECTION", e.Function)
	require.Equal(t, rfc.NotSent, e.Outcome)
	wrong, err := c.Open("A4H")
	require.NoError(t, err)
	for _, err := range []error{
		wrong.Session(t.Context(), func(*destination.Session) error { return nil }), wrong.Warm(t.Context(), 1),
		func() error { _, err := wrong.Repository(t.Context()); return err }(),
	} {
		require.ErrorContains(t, err, "jco.client.sysnr: two digits 00-99 required")
	}
	_, err = wrong.Pin(nil) //nolint:staticcheck // on purpose
	require.ErrorContains(t, err, "nil context")
	_, err = wrong.Repository(nil) //nolint:staticcheck // on purpose
	require.ErrorContains(t, err, "nil context")
	require.ErrorContains(t, wrong.Close(nil), "nil context") //nolint:staticcheck // on purpose
	require.ErrorContains(t, c.Close(nil), "nil context")     //nolint:staticcheck // on purpose
	// An error is not kept: the next call asks again.
	sys := rfctest.NewSystem(t)
	require.NoError(t, s.Set("A4X", settingsOf(sys)))
	_, err = d.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
	require.NoError(t, err)
}

// The settings change hundreds of times under running calls, from one system to another and in
// their pools. No call fails, none is made twice, and nothing is left of the old pools.
func TestCallsRunAcrossSwaps(t *testing.T) {
	t.Parallel()
	one, two := rfctest.NewSystem(t, rfctest.WithSystemID("ONE")), rfctest.NewSystem(t, rfctest.WithSystemID("TWO"))
	s, c, told := opened(t)
	require.NoError(t, s.Set("A4H", settingsOf(one)))
	d, err := c.Open("A4H")
	require.NoError(t, err)
	requireSystem(t, "ONE", d)
	const swaps = 200
	var calls atomic.Int64
	stop := make(chan struct{})
	var group sync.WaitGroup
	user := one.Config()
	for i := range 8 {
		caller := d
		if i%2 == 1 {
			caller = d.With(destination.User{Name: user.User, Password: user.Password, Language: "DE"})
		}
		group.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				var err error
				switch n % 7 {
				case 6:
					err = caller.Session(t.Context(), func(s *destination.Session) error {
						first, err := whose(t.Context(), s)
						if err != nil {
							return err
						}
						second, err := whose(t.Context(), s)
						if first != second {
							t.Error("a session went from ", first, " to ", second)
						}
						return err
					})
				default:
					_, err = whose(t.Context(), caller)
				}
				if err != nil {
					t.Errorf("%+v", err)
					return
				}
				calls.Add(1)
			}
		})
	}
	for i := range swaps {
		sys := one
		if i%2 == 0 {
			sys = two
		}
		before := calls.Load()
		require.NoError(t, s.Set("A4H", settingsOf(sys, destination.KeyPoolCapacity, fmt.Sprint(i%3+1))))
		next(t, told, destination.EventChanged)
		for calls.Load() == before && !t.Failed() { // at least one call under each
			runtime.Gosched()
		}
	}
	close(stop)
	group.Wait()
	requireSystem(t, "ONE", d)
	require.NoError(t, c.Close(t.Context()))
	require.Zero(t, d.Draining())
	t.Logf("%d calls across %d changes", calls.Load(), swaps)
}

// Who has begun under the old settings ends under them.
func TestRunningCallsAndSessionsEndWhereTheyBegan(t *testing.T) {
	t.Parallel()
	one, two := rfctest.NewSystem(t, rfctest.WithSystemID("ONE")), rfctest.NewSystem(t, rfctest.WithSystemID("TWO"))
	arrived, leave := make(chan struct{}), make(chan struct{})
	one.Intercept("STFC_CONNECTION", func(next rfc.HandlerFunc) rfc.HandlerFunc {
		return func(ctx context.Context, req *rfc.Request, reply *rfc.Reply) error {
			close(arrived)
			<-leave
			return next(ctx, req, reply)
		}
	})
	s, c, told := opened(t)
	require.NoError(t, s.Set("A4H", settingsOf(one, destination.KeyPoolCapacity, "3")))
	d, err := c.Open("A4H")
	require.NoError(t, err)
	session, err := d.Pin(t.Context())
	require.NoError(t, err)
	requireSystem(t, "ONE", session)
	failed := make(chan error)
	go func() {
		_, err := d.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
		failed <- err
	}()
	<-arrived
	require.NoError(t, s.Set("A4H", settingsOf(two, destination.KeyPoolCapacity, "3")))
	next(t, told, destination.EventChanged)
	requireSystem(t, "TWO", d)
	requireSystem(t, "ONE", session)
	require.Equal(t, 2, d.Draining())
	require.Equal(t, 1, d.Stats().Open, "the new pool")
	close(leave)
	require.NoError(t, <-failed)
	require.Equal(t, 1, d.Draining())
	require.NoError(t, session.Close(t.Context()))
	require.Zero(t, d.Draining())
	r, err := d.Repository(t.Context())
	require.NoError(t, err)
	again, err := d.Repository(t.Context())
	require.NoError(t, err)
	require.Same(t, r, again)
}

func TestBrokenSettingsChangeNothing(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	s, c, told := opened(t)
	var log bytes.Buffer
	c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	require.NoError(t, s.Set("A4H", settingsOf(sys)))
	require.NoError(t, s.Set("OTHER", settingsOf(sys)))
	d, err := c.Open("A4H")
	require.NoError(t, err)
	requireSystem(t, "GOR", d)
	require.NoError(t, s.Set("A4H", settingsOf(sys, "jco.client.clinet", "canary-7f3a", destination.KeySysNr, "1")))
	e := next(t, told, destination.EventFailed)
	require.Equal(t, "A4H", e.Name)
	require.ErrorIs(t, e.Err, rfc.ErrConfig)
	require.ErrorContains(t, e.Err, "did you mean jco.client.client?")
	require.ErrorContains(t, e.Err, "jco.client.sysnr")
	requireSystem(t, "GOR", d)
	require.EqualValues(t, 1, d.Stats().Opened)
	require.Contains(t, log.String(), "level=WARN")
	require.Contains(t, log.String(), "destination=A4H")
	require.NotContains(t, log.String()+fmt.Sprintf("%v %+v %#v", e, e, e), "canary-7f3a")
	// As it was before: nothing is exchanged, but told.
	require.NoError(t, s.Set("A4H", settingsOf(sys)))
	next(t, told, destination.EventChanged)
	require.EqualValues(t, 1, d.Stats().Opened)
	// Others concern nobody who has not opened them.
	require.NoError(t, s.Set("OTHER", settingsOf(sys, destination.KeySysNr, "1")))
	require.NoError(t, s.Set("A4H", settingsOf(sys, destination.KeySysNr, "2")))
	require.Equal(t, "A4H", next(t, told, destination.EventFailed).Name)
}

func TestDeletedDestinationsRefuseCalls(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	s, c, told := opened(t)
	require.NoError(t, s.Set("A4H", settingsOf(sys)))
	d, err := c.Open("A4H")
	require.NoError(t, err)
	session, err := d.Pin(t.Context())
	require.NoError(t, err)
	s.Delete("A4H")
	next(t, told, destination.EventDeleted)
	_, err = d.Call(t.Context(), "STFC_CONNECTION", nil)
	require.ErrorIs(t, err, rfc.ErrConfig)
	require.ErrorIs(t, err, destination.ErrUnknown)
	require.ErrorContains(t, err, "Destination A4H was deleted while it was in use")
	require.False(t, rfc.SafeToRetry(err))
	_, err = d.Pin(t.Context())
	require.ErrorIs(t, err, destination.ErrUnknown)
	_, err = d.Repository(t.Context())
	require.ErrorIs(t, err, destination.ErrUnknown)
	requireSystem(t, "GOR", session)
	require.NoError(t, session.Close(t.Context()))
	require.Zero(t, d.Draining())
	require.NoError(t, s.Set("A4H", settingsOf(sys)))
	next(t, told, destination.EventChanged)
	requireSystem(t, "GOR", d)
}

// Only what matters for connections costs them.
func TestSmallChangesKeepTheConnections(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	s, c, told := opened(t)
	set := func(more ...string) {
		t.Helper()
		require.NoError(t, s.Set("A4H", settingsOf(sys, more...)))
		next(t, told, destination.EventChanged)
	}
	require.NoError(t, s.Set("A4H", settingsOf(sys)))
	d, err := c.Open("A4H")
	require.NoError(t, err)
	requireSystem(t, "GOR", d)
	set(destination.KeyDescription, "another text")
	set(destination.KeyCallTimeout, "3600000")
	requireOpened := func(n int64) {
		t.Helper()
		require.Equal(t, n, d.Stats().Opened)
	}
	requireOpened(1)
	r, err := d.Repository(t.Context())
	require.NoError(t, err)
	f, err := r.Function(t.Context(), "STFC_STRING")
	require.NoError(t, err)
	block := make(chan struct{})
	sys.Intercept("STFC_STRING", func(rfc.HandlerFunc) rfc.HandlerFunc {
		return func(context.Context, *rfc.Request, *rfc.Reply) error { <-block; return nil }
	})
	requireTimeout := func(opts ...rfc.Option) {
		t.Helper()
		_, err = d.Call(t.Context(), "STFC_STRING", rfc.Params{"QUESTION": "x"}, append(opts, rfc.WithInterface(f))...)
		require.ErrorIs(t, err, rfc.ErrTimeout)
	}
	requireTimeout(rfc.WithTimeout(time.Millisecond)) // what the caller says wins
	requireSystem(t, "GOR", d)
	requireOpened(2)
	set(destination.KeyCallTimeout, "1")
	requireTimeout() // the new limit holds on the connection that was there
	requireOpened(2)
	close(block)
	set(destination.KeyCallTimeout, "0")
	requireSystem(t, "GOR", d)
	requireOpened(3)
	set(destination.KeySerializationFormat, "columnBased")
	requireSystem(t, "GOR", d)
	requireOpened(3)
	set(destination.KeyLang, "DE")
	requireSystem(t, "GOR", d)
	require.EqualValues(t, 1, d.Stats().Opened, "of the new pool")
	// The same settings in other words are no change.
	p := settingsOf(sys, destination.KeyLang, "DE")
	p.Delete(destination.KeyLang)
	p.Set("LANG", "DE")
	require.NoError(t, s.Set("A4H", p))
	require.NoError(t, s.Set("A4H", settingsOf(sys, destination.KeySysNr, "x")))
	next(t, told, destination.EventFailed)
	require.EqualValues(t, 1, d.Stats().Opened)
}

func TestClosedDestinationsAreOpenedAnew(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	s, c, _ := opened(t)
	require.NoError(t, s.Set("A4H", settingsOf(sys)))
	d, err := c.Open("A4H")
	require.NoError(t, err)
	requireSystem(t, "GOR", d)
	require.NoError(t, d.Close(t.Context()))
	require.NoError(t, d.Close(t.Context()))
	_, err = d.Call(t.Context(), "STFC_CONNECTION", nil)
	require.ErrorIs(t, err, rfc.ErrClosed)
	unused, err := c.Open("B4H")
	require.NoError(t, err)
	require.NoError(t, unused.Close(t.Context()))
	_, err = unused.Call(t.Context(), "STFC_CONNECTION", nil)
	require.ErrorIs(t, err, rfc.ErrClosed)
	again, err := c.Open("A4H")
	require.NoError(t, err)
	require.NotSame(t, d, again)
	requireSystem(t, "GOR", again)
	require.NoError(t, c.Close(t.Context()))
	_, err = again.Call(t.Context(), "STFC_CONNECTION", nil)
	require.ErrorIs(t, err, rfc.ErrClosed)
}

// Sessions and calls of a pool that is replaced are cut with the destination, if they do not
// end in time.
func TestCloseWaitsForReplacedPools(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	s, c, told := opened(t)
	require.NoError(t, s.Set("A4H", settingsOf(sys)))
	d, err := c.Open("A4H")
	require.NoError(t, err)
	session, err := d.Pin(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Set("A4H", settingsOf(sys, destination.KeyLang, "DE")))
	next(t, told, destination.EventChanged)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorContains(t, d.Close(ctx), "1 connections were in use, which were cut")
	require.False(t, session.Alive())
	_, err = session.Call(t.Context(), "STFC_CONNECTION", nil)
	require.ErrorIs(t, err, destination.ErrSessionLost)
}

// slow is a provider that takes its time.
type slow struct {
	answer chan error
	watch  func(ctx context.Context) iter.Seq[destination.Event]
}

func (s *slow) Load(ctx context.Context, name string) (destination.Properties, error) {
	select {
	case err := <-s.answer:
		return destination.NewProperties(map[string]string{"ASHOST": "h", "SYSNR": "00"}), err
	case <-ctx.Done():
		return destination.Properties{}, context.Cause(ctx)
	}
}

func (s *slow) Watch(ctx context.Context) iter.Seq[destination.Event] { return s.watch(ctx) }

// One who stops to wait for settings takes nothing from the others; they are read once, for at
// most a minute; and nothing runs behind Close.
func TestReadingOfSettingsIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("no network here")
		p := &slow{answer: make(chan error), watch: func(ctx context.Context) iter.Seq[destination.Event] {
			return func(func(destination.Event) bool) { <-ctx.Done() }
		}}
		c := &destination.Catalog{Provider: p, Configure: func(cfg *destination.Config) {
			cfg.DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, refused }
		}}
		d, err := c.Open("A4H")
		require.NoError(t, err)
		results := make(chan error, 10)
		call := func(ctx context.Context) {
			_, err := d.Call(ctx, "STFC_CONNECTION", nil)
			results <- err
		}
		ctx, cancel := context.WithCancel(t.Context())
		go call(ctx)
		go call(t.Context())
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-results, context.Canceled)
		p.answer <- nil
		require.ErrorIs(t, <-results, refused, "the settings were there")

		stuck, err := c.Open("STUCK")
		require.NoError(t, err)
		began := time.Now()
		_, err = stuck.Call(t.Context(), "STFC_CONNECTION", nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Minute, time.Since(began))
		go func() {
			_, err := stuck.Call(t.Context(), "STFC_CONNECTION", nil)
			results <- err
		}()
		synctest.Wait()
		require.NoError(t, stuck.Close(t.Context()))
		require.ErrorIs(t, <-results, rfc.ErrClosed)
		require.NoError(t, c.Close(t.Context()))
	})
}

// A provider that fails, panics or gives up is told of; a hook that panics as well.
func TestHooksOfACatalog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		changes := make(chan destination.Event)
		p := &slow{answer: make(chan error, 1), watch: func(context.Context) iter.Seq[destination.Event] {
			return func(yield func(destination.Event) bool) {
				for e := range changes {
					if !yield(e) {
						return
					}
				}
			}
		}}
		var log bytes.Buffer
		var told []destination.Event
		c := &destination.Catalog{
			Provider: p, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Event:     func(e destination.Event) { told = append(told, e); panic("the hook is broken") },
			Configure: func(*destination.Config) { panic("no configuration today") },
		}
		d, err := c.Open("A4H")
		require.NoError(t, err)
		p.answer <- nil
		_, err = d.Call(t.Context(), "STFC_CONNECTION", nil)
		require.ErrorContains(t, err, "reading the settings panicked: no configuration today")
		changes <- destination.Event{Kind: destination.EventFailed, Err: errors.New("cannot look")}
		changes <- destination.Event{Name: "OTHER", Kind: destination.EventChanged}
		changes <- destination.Event{Name: "A4H", Kind: destination.EventChanged} // not in use yet
		close(changes)
		synctest.Wait()
		require.Len(t, told, 2)
		require.EqualError(t, told[0].Err, "cannot look")
		require.EqualError(t, told[1].Err, "the provider tells of no more changes")
		require.Contains(t, log.String(), "panic=\"the hook is broken\"")
		require.NoError(t, c.Close(t.Context()))
	})
}

// Only the files of destinations that are in use are looked at, however many others there are.
func TestOnlyWhatIsOpenIsWatched(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, "A4H.properties", "ASHOST=h\nSYSNR=00\n", 0o600)
		write(t, dir, "BROKEN.properties", "ASHOST", 0o600)
		told := make(chan destination.Event, 10)
		refused := errors.New("no network here")
		c := &destination.Catalog{
			Provider: destination.Chain{&destination.Directory{Path: dir}}, Event: func(e destination.Event) { told <- e },
			Configure: func(cfg *destination.Config) {
				cfg.DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, refused }
			},
		}
		d, err := c.Open("A4H")
		require.NoError(t, err)
		_, err = d.Call(t.Context(), "STFC_CONNECTION", nil)
		require.ErrorIs(t, err, refused)
		write(t, dir, "A4H.properties", "ASHOST=other\nSYSNR=00\n", 0o600)
		write(t, dir, "NEW.properties", "ASHOST", 0o600)
		<-time.After(destination.DefaultPollInterval)
		synctest.Wait()
		require.Equal(t, destination.Event{Name: "A4H", Kind: destination.EventChanged}, <-told)
		_, err = d.Call(t.Context(), "STFC_CONNECTION", nil)
		require.ErrorContains(t, err, "other:3300")
		other, err := c.Open("BROKEN")
		require.NoError(t, err)
		_, err = other.Call(t.Context(), "STFC_CONNECTION", nil)
		require.ErrorIs(t, err, rfc.ErrConfig)
		<-time.After(3 * destination.DefaultPollInterval)
		synctest.Wait()
		require.Empty(t, told)
		require.NoError(t, c.Close(t.Context()))
	})
}

// Changes are told from the return of Watch on, not only from the loop on.
func TestWatchBeginsWithItsReturn(t *testing.T) {
	t.Parallel()
	m := new(destination.Memory)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	changes := destination.Chain{m}.Watch(ctx)
	require.NoError(t, m.Set("A4H", destination.Properties{}))
	for e := range changes {
		require.Equal(t, destination.Event{Name: "A4H", Kind: destination.EventChanged}, e)
		break
	}
	m.Watch(ctx) // nobody loops over it: the end of ctx is enough
	cancel()
	require.NoError(t, m.Set("A4H", destination.NewProperties(map[string]string{"A": "b"})))
}

func TestOpenOfTheProcess(t *testing.T) {
	sys := rfctest.NewSystem(t)
	p := settingsOf(sys)
	t.Setenv("RFC_DEST_PROCESS_A4H", p.Reveal())
	d, err := destination.Open("process-a4h")
	require.NoError(t, err)
	again, err := destination.Open("process-a4h")
	require.NoError(t, err)
	require.Same(t, d, again)
	requireSystem(t, "GOR", d)
	require.NoError(t, d.Close(t.Context()))
}

// A session has the last connection and needs a description that somebody without one asks for
// as well.
func TestSessionsDescribeWhatOthersWaitFor(t *testing.T) {
	t.Parallel()
	sys := rfctest.NewSystem(t)
	d := pooled(t, sys, func(c *destination.Config) { c.Pool.PeakLimit = new(1) })
	requireSystem(t, "GOR", d)
	session, err := d.Pin(t.Context())
	require.NoError(t, err)
	failed := make(chan error)
	go func() {
		_, err := d.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
		failed <- err
	}()
	for d.Stats().Waiting == 0 {
		runtime.Gosched()
	}
	_, err = session.Call(t.Context(), "STFC_CONNECTION", rfc.Params{"REQUTEXT": "x"})
	require.NoError(t, err)
	require.NoError(t, session.Close(t.Context()))
	require.NoError(t, <-failed)
}
