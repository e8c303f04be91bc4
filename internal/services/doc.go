// Package services turns service names into TCP ports: numbers, the services file of the
// machine, and the names that follow from an instance number. It belongs to the shelf of
// bytes and opens no connection.
//
// The resolver of package net is not used for the file: it lowers the letters of the name
// it looks for but not those of the file, so that it never finds sapmsC11.
//
// Wire documents: spec 10 section 2, spec 11 section 2.
package services
