document.querySelector('button').onclick = () => import('./session.js')
