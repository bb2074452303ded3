// Removes the Web Locks API, which old browsers lack.
delete Navigator.prototype.locks
