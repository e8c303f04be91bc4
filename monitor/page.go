package monitor

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/purerfc/purerfc/destination"
	"github.com/purerfc/purerfc/pool"
)

//go:embed page.html
var pageText string

//go:embed style.css
var style string

// policy allows the one style that is in the page, and nothing else.
var policy = fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'", digest(style))

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// view is what the page is made of.
type view struct {
	Title string
	Report
}

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"age": age, "size": size, "mean": mean, "closed": closed, "failures": failures, "at": at, "failed": func(c destination.CallStats) int64 { return c.Total() - c.Succeeded },
}).Parse(strings.Replace(pageText, "/*style*/", style, 1)))

// age is a duration in a form for people.
func age(d time.Duration) string {
	switch {
	case d <= 0:
		return "0 ms"
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// mean is the duration of one of n.
func mean(total time.Duration, n int64) string {
	if n == 0 {
		return "none"
	}
	return age(total / time.Duration(n))
}

// size is a number of bytes in a form for people.
func size(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, i := float64(n)/1024, 0
	for f >= 1024 && i < len(units)-1 {
		f /= 1024
		i++
	}
	return fmt.Sprintf("%.1f %ciB", f, units[i])
}

func at(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// count is a number of something with a name.
type count struct {
	Name string
	N    int64
}

// closed lists why connections were closed.
func closed(s pool.Stats) (list []count) {
	for r, n := range s.Closed {
		if n > 0 {
			list = append(list, count{pool.Reason(r).String(), n})
		}
	}
	return list
}

// failures lists failed calls by class, the most frequent first.
func failures(c destination.CallStats) (list []count) {
	for name, n := range c.Failed {
		list = append(list, count{strings.ReplaceAll(name, "_", " "), n})
	}
	slices.SortFunc(list, func(a, b count) int {
		if a.N != b.N {
			return int(b.N - a.N)
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list
}
