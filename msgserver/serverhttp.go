package msgserver

import (
	"fmt"
	"net/http"
	"strings"
)

// Handler serves the text interface: /msgserver/text/logon, lglist and aslist. Other paths,
// and groups without a server, are 404.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	serve := func(path string, text func(r *http.Request) (string, bool)) {
		mux.HandleFunc("GET /msgserver/text/"+path, func(w http.ResponseWriter, r *http.Request) {
			body, ok := text(r)
			if !ok {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Content-Type", "text/plain")
			_, _ = w.Write([]byte(body))
		})
	}
	serve("logon", s.logonText)
	serve("lglist", func(*http.Request) (string, bool) {
		s.stats.lists.Add(1)
		var b strings.Builder
		b.WriteString("version 1.0\n")
		for group, i := range s.preferred() {
			fmt.Fprintf(&b, "%s\t%s\t%d\t%s\n", group, i.text(), i.Port, i.Release)
		}
		return b.String(), true
	})
	serve("aslist", func(*http.Request) (string, bool) {
		s.stats.lists.Add(1)
		var b strings.Builder
		b.WriteString("version 1.0\n")
		for _, i := range s.snapshot().Instances {
			fmt.Fprintf(&b, "%s\t%s\t%s\t%s\t%d\t%s \n", i.Name, i.Host, i.Service, i.text(), i.Port, i.Types)
		}
		return b.String(), true
	})
	return mux
}

// text is the address of an instance, which the lists have in place of its name.
func (i Instance) text() string {
	if i.Address.IsValid() {
		return i.Address.Unmap().String()
	}
	return i.Host
}

// logonText is the answer for one group.
//
// Source: spec 11 section 4 [capture].
func (s *Server) logonText(r *http.Request) (string, bool) {
	group := r.URL.Query().Get("group")
	if group == "" {
		group = DefaultGroup
	}
	s.stats.groups.Add(1)
	i, ok := s.pick(group, false)
	if !ok {
		return "", false
	}
	t, err := byDispatcher(i.Host, int(i.Port))
	if err != nil {
		return "", false
	}
	var b strings.Builder
	fmt.Fprintf(&b, "version 1.2\n%s\nDIAG\t%s\t%d\tLB=7\n", i.Name, i.Host, i.Port)
	if i.SNCName != "" {
		fmt.Fprintf(&b, "DIAGS\t%s\t%d\t%s\n", i.Host, i.Port, i.SNCName)
	}
	fmt.Fprintf(&b, "RFC\t%s\t%d\t\n", i.Host, t.Port)
	if i.SNCName != "" {
		fmt.Fprintf(&b, "RFCS\t%s\t%d\t%s\n", i.Host, t.SNCPort, i.SNCName)
	}
	return b.String() + "\n", true
}
