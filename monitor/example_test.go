package monitor_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/monitor"
	"github.com/purerfc/purerfc/rfctest"
)

// The page stands behind whatever authenticates the service's own administrators.
func ExampleHandler() {
	ctx := context.Background()
	sys, err := rfctest.Start(ctx, rfctest.Config{})
	if err != nil {
		return
	}
	defer func() { _ = sys.Close() }()
	dest, err := destination.New(sys.Config())
	if err != nil {
		return
	}
	defer func() { _ = dest.Close(ctx) }()

	mustBeAdmin := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, password, ok := r.BasicAuth(); !ok || password != "of the service" {
				http.Error(w, "log on first", http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	mux := http.NewServeMux()
	mux.Handle("GET /internal/rfc", mustBeAdmin(&monitor.Handler{Destinations: destination.ListOf(dest)}))

	for _, password := range []string{"", "of the service"} {
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/internal/rfc", nil)
		r.SetBasicAuth("admin", password)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header().Get("Content-Type"))
	}
	// Output:
	// 401 text/plain; charset=utf-8
	// 200 text/html; charset=utf-8
}
