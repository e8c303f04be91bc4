package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/pool"
	"github.com/purerfc/purerfc/rfc"
)

// stepPool opens several connections at once through the pool of a destination.
const stepPool = destination.StepPool

const (
	// maxParallel bounds what a person may ask for, defaultParallel what nobody asked for.
	maxParallel     = 1000
	defaultParallel = 10
	// openingAtOnce is how many logons run at the same time.
	openingAtOnce = 8
)

// preparePool decides about the step while the password is still there: it belongs to
// destinations, which have a pool, and to whoever asks for it.
func (d *diagnosis) preparePool(asked bool) {
	if !asked && d.settings.cfg.Name == "" || asked && d.parallel == 0 {
		return
	}
	d.insert(stepPool)
	s := d.steps[stepPool]
	cfg := d.settings.cfg
	_, peak := pool.Limits(cfg.Pool.Capacity, cfg.Pool.PeakLimit)
	if !asked {
		d.parallel = min(cmp.Or(peak, 1), defaultParallel)
	}
	d.peak = peak
	// What is above the limit is told at once.
	cfg.Pool.MaxWait = new(time.Duration)
	dest, err := destination.New(cfg)
	if err != nil {
		s.Hint = "left out: no pool can be made of these settings: " + describeError(err).Text
		return
	}
	d.pool = dest
}

// poolStep opens connections until there are as many as were asked for, or somebody stops it.
func (d *diagnosis) poolStep(ctx context.Context, s *step) error {
	defer func() { _ = d.pool.Close(context.WithoutCancel(ctx)) }()
	_ = d.conn.Close() // it would count, too
	n := d.parallel
	over := d.peak > 0 && n > d.peak
	if over {
		n = d.peak
	}
	s.Facts.add("asked", d.parallel)
	opened, took, err := d.open(ctx, n)
	s.Facts.add("opened", len(opened))
	defer func() {
		for _, o := range opened {
			_ = o.Close(context.WithoutCancel(ctx))
		}
	}()
	if len(took) > 0 {
		slices.Sort(took)
		s.Facts.add("min_ms", millis(took[0]))
		s.Facts.add("p50_ms", millis(took[len(took)/2]))
		s.Facts.add("max_ms", millis(took[len(took)-1]))
	}
	s.Facts.add("capacity", d.pool.Stats().MaxIdle)
	s.Facts.add("peak_limit", d.peak)
	if err != nil {
		s.Facts.add("stopped_by", "partner")
		return err
	}
	if !over {
		return nil
	}
	more, err := d.pool.Pin(ctx)
	if err == nil {
		opened = append(opened, more)
		return errors.New("the pool lent more connections than its limit allows")
	}
	if !errors.Is(err, pool.ErrExhausted) {
		return err
	}
	s.Facts.add("stopped_by", "peak_limit")
	s.Warnings = append(s.Warnings, fmt.Sprintf("the pool itself ends at %d connections: raise %s for more; in a program callers wait for one up to %s", d.peak, destination.KeyPeakLimit, destination.KeyMaxGetClientTime))
	return nil
}

// open pins n connections, a few at a time. Behind an error no further one is begun.
func (d *diagnosis) open(ctx context.Context, n int) (opened []*destination.Session, took []time.Duration, err error) {
	var mu sync.Mutex
	var group sync.WaitGroup
	left := n
	for range min(n, openingAtOnce) {
		group.Go(func() {
			for {
				mu.Lock()
				more := left > 0 && err == nil
				left--
				mu.Unlock()
				if !more {
					return
				}
				began := time.Now()
				one, failure := d.pool.Pin(ctx)
				mu.Lock()
				if failure != nil {
					if err == nil {
						err = failure
					}
				} else {
					opened, took = append(opened, one), append(took, time.Since(began))
				}
				mu.Unlock()
				if failure != nil {
					return
				}
			}
		})
	}
	group.Wait()
	return opened, took, err
}

// poolHint says where a partner that refuses more connections keeps its limits.
func poolHint(err error) string {
	switch {
	case errors.Is(err, rfc.ErrLogon):
		return "the first logon was accepted and a further one was not: the system limits the sessions of a user (login/disable_multi_rfc_login, rdisp/max_alt_modes), or locked it meanwhile"
	case errors.Is(err, rfc.ErrResource), errors.Is(err, rfc.ErrCommunication):
		return "the partner takes no more: see the limits of conversations at the gateway (gw/max_conn) and in the instance (rdisp/max_comm_entries, rdisp/tm_max_no), or lower jco.destination.peak_limit"
	}
	return ""
}
