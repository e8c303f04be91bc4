package main

import (
	"context"
	"net"
	"sync"

	"github.com/purerfc/purerfc/internal/capture"
	"github.com/purerfc/purerfc/internal/dissect"
)

// recording is the file of --record. The zero recording records nothing.
type recording struct {
	path string
	w    capture.Writer

	mu       sync.Mutex
	redactor dissect.Redactor
	problem  error
}

// record opens the file. The ports in it are made up: 3300, by which analysers know the
// protocol, whatever port was dialled.
func record(path string) (*recording, error) {
	if path == "" {
		return new(recording), nil
	}
	w, err := capture.Create(path)
	if err != nil {
		return nil, usageError("--record: %w", err)
	}
	return &recording{path: path, w: w}, nil
}

// tap makes a connection leave its frames in the recording, with secrets masked.
func (r *recording) tap(nc net.Conn) net.Conn {
	if r.w == nil {
		return nc
	}
	return capture.Tap(nc, r.w, capture.TapConfig{Hook: r.redact, OnError: r.failed})
}

func (r *recording) redact(f capture.Frame) capture.Frame {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.redactor.Frame(f)
}

func (r *recording) failed(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.problem == nil {
		r.problem = err
	}
}

// close completes the file. A recording that lacks something is an error, unless the run was
// cut off: then its end is missing on purpose.
func (r *recording) close(ctx context.Context) error {
	if r.w == nil {
		return nil
	}
	err := r.w.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && ctx.Err() == nil {
		err = r.problem
	}
	r.w = nil
	if err != nil {
		return usageError("--record %s: the recording is not complete: %w", r.path, err)
	}
	return nil
}
