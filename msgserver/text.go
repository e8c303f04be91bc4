package msgserver

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/purerfc/purerfc/internal/services"
)

// GroupInfo is a line of a list of logon groups.
type GroupInfo struct {
	Name    string
	Target  Target // the server that is preferred at the moment
	Release string // of the text interface over HTTP
}

// ServerInfo is a line of a list of application servers.
type ServerInfo struct {
	Target   Target
	Services string // DIA UPD BTC ...
	Address  string // of the text interface over HTTP
}

// parseGroupInfo reads GROUP=..|HOSTNAME=..|PORT=..|SNC=.. lines. Lines without what is
// needed are passed over, as those of a newer release might be.
//
// Source: spec 11 section 3.4 [capture].
func parseGroupInfo(text string) []GroupInfo {
	list := []GroupInfo{}
	for fields := range records(text) {
		if t, ok := fields.target(); ok && fields["GROUP"] != "" {
			list = append(list, GroupInfo{Name: fields["GROUP"], Target: t})
		}
	}
	return list
}

// parseServerInfo reads ASNAME=..|HOSTNAME=..|PORT=..|SAPSRV=..|SNC=.. lines.
func parseServerInfo(text string) []ServerInfo {
	list := []ServerInfo{}
	for fields := range records(text) {
		if t, ok := fields.target(); ok && fields["ASNAME"] != "" {
			t.Name = fields["ASNAME"]
			list = append(list, ServerInfo{Target: t, Services: fields["SAPSRV"]})
		}
	}
	return list
}

type fields map[string]string

// records walks the lines of a text list.
func records(text string) func(yield func(fields) bool) {
	return func(yield func(fields) bool) {
		for line := range strings.Lines(text) {
			f := fields{}
			for field := range strings.SplitSeq(strings.TrimRight(line, "\r\n\x00"), "|") {
				if name, value, ok := strings.Cut(field, "="); ok {
					f[name] = strings.TrimSpace(value)
				}
			}
			if len(f) > 0 && !yield(f) {
				return
			}
		}
	}
}

func (f fields) target() (Target, bool) {
	port, err := services.Number(f["PORT"])
	if err != nil {
		return Target{}, false
	}
	t, err := byDispatcher(f["HOSTNAME"], port)
	t.SNCName = f["SNC"]
	return t, err == nil
}

// parseLogonText reads the answer of /msgserver/text/logon: the row RFC names a gateway
// already. Unknown and short rows are passed over.
//
// Source: spec 11 section 4 [capture].
func parseLogonText(text, group string) (Target, error) {
	rows, err := table(text, "1.2")
	if err != nil {
		return Target{}, err
	}
	var t Target
	for i, row := range rows {
		if i == 0 && len(row) == 1 {
			t.Name = row[0]
			continue
		}
		if len(row) < 3 || row[0] != "RFC" && row[0] != "RFCS" {
			continue
		}
		port, err := services.Number(row[2])
		if err == nil {
			err = checkHost(row[1])
		}
		if err != nil {
			return Target{}, &Error{kind: kindProtocol, remote: true, Text: "its answer names no usable server", Err: err}
		}
		switch {
		case row[0] == "RFC" && t.Port == 0:
			t.Host, t.Port = row[1], port
			if t.SNCPort == 0 {
				t.SNCPort = 4800 + port%100
			}
		case row[0] == "RFCS" && t.SNCName == "":
			t.SNCPort = port
			if len(row) > 3 {
				t.SNCName = row[3]
			}
		}
	}
	if t.Port == 0 {
		return Target{}, noServer(group, "the answer has no row RFC")
	}
	return t, nil
}

// parseGroupText reads the answer of /msgserver/text/lglist.
func parseGroupText(text string) ([]GroupInfo, error) {
	rows, err := table(text, "1.0")
	if err != nil {
		return nil, err
	}
	list := []GroupInfo{}
	for _, row := range rows {
		if len(row) < 3 {
			continue
		}
		if t, ok := rowTarget(row[1], row[2]); ok && row[0] != "" {
			g := GroupInfo{Name: row[0], Target: t}
			if len(row) > 3 {
				g.Release = row[3]
			}
			list = append(list, g)
		}
	}
	return list, nil
}

// parseServerText reads the answer of /msgserver/text/aslist.
func parseServerText(text string) ([]ServerInfo, error) {
	rows, err := table(text, "1.0")
	if err != nil {
		return nil, err
	}
	list := []ServerInfo{}
	for _, row := range rows {
		if len(row) < 6 {
			continue
		}
		if t, ok := rowTarget(row[1], row[4]); ok {
			t.Name = row[0]
			list = append(list, ServerInfo{Target: t, Services: strings.TrimSpace(row[5]), Address: row[3]})
		}
	}
	return list, nil
}

func rowTarget(host, port string) (Target, bool) {
	n, err := strconv.Atoi(port)
	if err != nil {
		return Target{}, false
	}
	t, err := byDispatcher(host, n)
	return t, err == nil
}

// table checks the first line of a text answer and splits the others at their tabs.
func table(text, version string) ([][]string, error) {
	first, rest, _ := strings.Cut(text, "\n")
	if strings.TrimRight(first, "\r ") != "version "+version {
		return nil, protocolError("version "+version+" in the first line", fmt.Sprintf("%q", shown(first)))
	}
	var rows [][]string
	for line := range strings.Lines(rest) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			rows = append(rows, strings.Split(line, "\t"))
		}
	}
	return rows, nil
}
