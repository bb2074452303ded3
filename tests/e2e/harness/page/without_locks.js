// A browser without the Web Locks API.
delete Navigator.prototype.locks
