package monitor

import (
	"bytes"
	"cmp"
	"encoding/json"
	"iter"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/purerfc/purerfc/destination"
)

// MaxConnections is how many connections of a destination are listed, the oldest first.
const MaxConnections = 200

// Handler serves the page. Set the fields before serving and leave them alone afterwards. It is
// safe for concurrent use.
//
// Parameters: format=json or format=html, which win over the header Accept; name=NAME for one
// destination only. Methods: GET and HEAD.
type Handler struct {
	// Destinations are those that are shown, for example destination.Opened, or the method
	// Destinations of a Catalog, or destination.ListOf. Required.
	Destinations func() iter.Seq[*destination.Destination]
	// Title heads the page. Default: RFC destinations.
	Title string
}

// Report is the JSON form of the page.
type Report struct {
	Time         time.Time     `json:"time"`
	Destinations []Destination `json:"destinations"`
}

// Destination is a destination in a Report: its snapshot and its connections.
type Destination struct {
	destination.Snapshot
	// Connections are MaxConnections at most; ConnectionsTotal is how many there are.
	Connections      []destination.Connection `json:"connections"`
	ConnectionsTotal int                      `json:"connections_total"`
}

// Report is what the page shows now; of one destination, or of all with an empty name.
func (h *Handler) Report(name string) Report {
	r := Report{Time: time.Now(), Destinations: []Destination{}}
	if h.Destinations == nil {
		return r
	}
	for d := range h.Destinations() {
		if name != "" && d.Name() != name {
			continue
		}
		list := d.Connections()
		r.Destinations = append(r.Destinations, Destination{d.Snapshot(), list[:min(len(list), MaxConnections)], len(list)})
	}
	return r
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Content-Security-Policy", policy)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Cache-Control", "no-store")
	head.Set("Vary", "Accept")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		head.Set("Allow", "GET, HEAD")
		http.Error(w, "this page is for reading: GET or HEAD", http.StatusMethodNotAllowed)
		return
	}
	asJSON := wantsJSON(r.Header.Values("Accept"))
	switch r.URL.Query().Get("format") {
	case "json":
		asJSON = true
	case "html":
		asJSON = false
	case "":
	default:
		http.Error(w, "format is json or html", http.StatusBadRequest)
		return
	}
	report := h.Report(r.URL.Query().Get("name"))
	// In full before the first byte, so that a failure is a status and no half page.
	var b bytes.Buffer
	var err error
	if asJSON {
		head.Set("Content-Type", "application/json")
		err = json.NewEncoder(&b).Encode(report)
	} else {
		head.Set("Content-Type", "text/html; charset=utf-8")
		err = page.Execute(&b, view{cmp.Or(h.Title, "RFC destinations"), report})
	}
	if err != nil {
		http.Error(w, "the page could not be rendered", http.StatusInternalServerError)
		return
	}
	head.Set("Content-Length", strconv.Itoa(b.Len()))
	if r.Method == http.MethodGet {
		_, _ = w.Write(b.Bytes()) // a reader who has left needs nothing
	}
}

// wantsJSON reports whether a client prefers JSON to HTML.
func wantsJSON(accept []string) bool {
	best := map[bool]float64{}
	for _, header := range accept {
		for part := range strings.SplitSeq(header, ",") {
			kind, params, err := mime.ParseMediaType(strings.TrimSpace(part))
			if err != nil {
				continue
			}
			q := 1.0
			if text, ok := params["q"]; ok {
				if q, err = strconv.ParseFloat(text, 64); err != nil || q < 0 || q > 1 {
					continue
				}
			}
			switch kind {
			case "application/json":
				best[true] = max(best[true], q)
			case "text/html", "application/xhtml+xml", "*/*", "text/*":
				best[false] = max(best[false], q)
			}
		}
	}
	return best[true] > 0 && best[true] >= best[false]
}
